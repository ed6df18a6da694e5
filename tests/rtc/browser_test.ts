/** Chromium over WebRTC against every shipped form of the gateway. */
import { assert, assertEquals } from "@std/assert";
import { connectDashboard, connectDevice } from "../../client/mod.ts";
import { TestBrowser } from "../support/browser.ts";
import {
  closeLaneInPage,
  ownFaults,
  restartIceInPage,
  sdkPage,
  seenInPage,
  watchInPage,
  wayInPage,
} from "../support/browser_sdk.ts";
import { eachForm, packedAlike, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";

/** A device over a WebSocket that publishes both classes steadily. */
async function source(gateway: GatewayProcess, name: string) {
  const token = await operator.addDevice(gateway, name);
  const device = connectDevice({ url: gateway.url, token, environment: { RTCPeerConnection: undefined } });
  const state = device.channel({ topic: "state", encoding: "raw" });
  const event = device.channel({ topic: "event", class: "event", encoding: "raw" });
  await device.opened();
  const sent = { states: 0, events: 0 };
  const payload = new Uint8Array(200);
  const timer = setInterval(() => {
    state.publish(payload);
    if (++sent.states % 5 !== 0) return;
    sent.events++;
    void event.publish(payload);
  }, 10);
  return {
    sent,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await device.close();
    },
  };
}

/**
 * In a page: a device publishes 40 values of 200 B of which 4 % changes, the last byte the sum of the others, and a
 * dashboard of the page checks them, both over WebRTC. Returns what their data channels carried while 800 of them
 * came, and how many were made meanwhile, of which a busy machine leaves some out.
 */
async function changingValues({ name, writer, reader }: { name: string; writer: string; reader: string }) {
  const { channels } = globalThis as unknown as { channels: RTCDataChannel[] };
  const sdk = await import("/sdk/tidegate.js" as string);
  const overWebrtc = (peer: { onStatus(told: (status: { transport?: string }) => void): void }) =>
    new Promise<void>((done) => peer.onStatus(({ transport }) => transport === "webrtc" && done()));
  const device = sdk.connectDevice({ token: writer });
  await overWebrtc(device);
  const dashboard = sdk.connectDashboard({ token: reader });
  await overWebrtc(dashboard);
  const seen = { made: 0, samples: 0, wrong: 0, up: 0, down: 0 };
  const [up, down] = channels as [RTCDataChannel, RTCDataChannel];
  const send = up.send.bind(up);
  up.send = (data: unknown) => {
    if (seen.samples > 0) seen.up += (data as Uint8Array).byteLength;
    send(data as Uint8Array<ArrayBuffer>);
  };
  down.addEventListener("message", ({ data }) => {
    if (seen.samples > 0) seen.down += (data as ArrayBuffer).byteLength;
  });
  const sum = (bytes: Uint8Array) => bytes.subarray(0, 199).reduce((total, byte) => total + byte, 0) & 255;
  const states = Array.from(
    { length: 40 },
    (_, i) => device.channel({ topic: `state/${i}`, encoding: "raw" }),
  );
  const values = states.map(() => crypto.getRandomValues(new Uint8Array(200)));
  let turn = 0;
  const timer = setInterval(() => {
    turn++;
    if (seen.samples > 0) seen.made += states.length;
    states.forEach((state, i) => {
      const value = values[i]!;
      for (let j = 0; j < 7; j++) value[Math.floor(Math.random() * 199)] = Math.random() * 256;
      value[199] = sum(value);
      state.publish(value);
    });
  }, 50);
  await new Promise<void>((enough) =>
    dashboard.subscribe(`${name}/state/#`, {
      onSample({ payload }: { payload: Uint8Array }) {
        if (payload.length !== 200 || payload[199] !== sum(payload)) seen.wrong++;
        if (turn > 10 && ++seen.samples >= 800) enough(); // by then values are confirmed
      },
    })
  );
  clearInterval(timer);
  return { ...seen };
}

eachForm(({ form, test }) => {
  test("a page moves to WebRTC, falls back when its data channel closes, comes back, and misses nothing", async (gateway) => {
    const name = uniqueName("rtc");
    await using browser = await TestBrowser.start();
    const { page, faults } = await sdkPage(browser, gateway.url);
    const { token } = await operator.dashboardToken(gateway);
    {
      await using _device = await source(gateway, name);
      await watchInPage(page, token, name);
      await wayInPage(page, "webrtc");
      await page.waitForFunction(() =>
        (globalThis as unknown as { seen: { states: number[] } }).seen.states.length > 100
      );
      const closedOn = await closeLaneInPage(page);
      await wayInPage(page, "webrtc", await wayInPage(page, "websocket", closedOn));
      const { states } = await seenInPage(page);
      await page.waitForFunction(
        (from) => (globalThis as unknown as { seen: { states: number[] } }).seen.states.length > from + 100,
        states.length,
      );
    }
    const seen = await seenInPage(page);
    assertEquals(seen.gaps, 0);
    const first = seen.events[0]!;
    assertEquals(seen.events, seen.events.map((_, i) => first + i));
    assert(seen.states.every((offset, i) => i === 0 || offset > seen.states[i - 1]!), "state goes backwards");
    assertEquals(ownFaults(faults), []);
    const [session] = await operator.sessions(gateway, { role: "dashboard", limit: "1" });
    const { events } = await operator.get(gateway, `/v1/sessions/${session!["id"]}/events`) as {
      events: { kind: string; detail: Record<string, string> }[];
    };
    const moves = events.filter(({ kind }) => kind === "moved").map(({ detail }) => detail["to"]);
    assertEquals(moves.slice(0, 3), ["webrtc", "websocket", "webrtc"]);
  });

  test("a device in a page sends its state over WebRTC, and its status says so", async (gateway) => {
    const name = uniqueName("rtc");
    const token = await operator.addDevice(gateway, name);
    await using browser = await TestBrowser.start();
    const { page, faults } = await sdkPage(browser, gateway.url);
    const { token: reader } = await operator.dashboardToken(gateway);
    using dashboard = connectDashboard({ url: gateway.url, token: reader });
    let enough = Promise.withResolvers<void>();
    let way = "";
    let overLane = 0;
    dashboard.subscribe(`${name}/#`, {
      onSample(sample) {
        if (sample.topic === `${name}/$status`) {
          const { transport } = sample.value as unknown as { transport?: string };
          if (transport) way = transport;
        } else if (way === "webrtc" && ++overLane > 100) enough.resolve();
      },
    });
    await dashboard.opened(); // it is to see the device come
    await page.evaluate(async (token) => {
      const sdk = await import("/sdk/tidegate.js" as string);
      const device = sdk.connectDevice({ token });
      const state = device.channel({ topic: "state", encoding: "f64" });
      setInterval(() => state.publish(performance.now()), 10);
    }, token);
    await enough.promise;
    const more = Promise.withResolvers<void>();
    overLane = 0;
    enough = more;
    await restartIceInPage(page);
    await more.promise;
    assertEquals(ownFaults(faults), []);
    const [session] = await operator.sessions(gateway, { device: name });
    const { events } = await operator.get(gateway, `/v1/sessions/${session!["id"]}/events`) as {
      events: { kind: string; detail: Record<string, string> }[];
    };
    const moves = events.filter(({ kind }) => kind === "moved").map(({ detail }) => detail["to"]);
    assertEquals(moves, moves.map((_, i) => i % 2 === 0 ? "webrtc" : "websocket"));
    const kinds = events.map(({ kind }) => kind);
    assert(kinds.includes("ice_restart"), `${kinds}`);
    assertEquals(kinds.includes("webrtc_closed"), false, `${kinds}`);
  });

  if (packedAlike(form)) return;

  test("a page sends and receives values of which little changes as differences, to the byte", async (gateway) => {
    const name = uniqueName("rtc");
    await using browser = await TestBrowser.start();
    const { page, faults } = await sdkPage(browser, gateway.url);
    const { token: reader } = await operator.dashboardToken(gateway);
    const tokens = { writer: await operator.addDevice(gateway, name), reader };
    const seen = await page.evaluate(changingValues, { name, ...tokens });
    assertEquals(seen.wrong, 0);
    assert(seen.up < seen.made * 150, `${seen.up} bytes up for ${seen.made} values of 200`);
    assert(seen.down < seen.made * 150, `${seen.down} bytes down for ${seen.made} values of 200`);
    assertEquals(ownFaults(faults), []);
  });
});
