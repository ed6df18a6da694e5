/** Sessions without a WebSocket, against Deno and Bun. */
import { assert, assertEquals } from "@std/assert";
import { connectDashboard, connectDevice, type PeerConnectionConstructor } from "../../client/mod.ts";
import { BatchWriter } from "../../protocol/batch.ts";
import { TestBrowser } from "../support/browser.ts";
import {
  ownFaults,
  restartIceInPage,
  sdkPage,
  seenInPage,
  watchInPage,
  wayInPage,
} from "../support/browser_sdk.ts";
import { connectDataChannel, HttpPeerConnection } from "../support/data_channel_client.ts";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { DevicePeer } from "../support/peer.ts";
import { way } from "../support/rtc_peer.ts";

const EVENT = 1;

/** What a device sends may be there before its dashboard's subscription: they come over connections of their own. */
const LAST_MINUTE = { time: -60_000_000 };

/** A device that speaks the protocol by hand over a control channel. */
async function deviceByHand(gateway: GatewayProcess, token: string, resume?: unknown) {
  const signal = (path: string, init: RequestInit) => fetch(gateway.url + path, init);
  const client = await connectDataChannel(signal, "/v1/rtc/device", { authorization: `Bearer ${token}` });
  const until = async (type: string) => {
    while (true) {
      const text = await client.next();
      if (typeof text !== "string") continue;
      const message = JSON.parse(text);
      if (message.type === type) return message;
    }
  };
  client.send(JSON.stringify({ type: "hello", protocol: 1, producer: "p", ...(resume ? { resume } : {}) }));
  const welcome = await until("welcome");
  const channels = [{ channel: EVENT, topic: "e", class: "event", encoding: "utf8" }];
  client.send(JSON.stringify({ type: "advertise", channels }));
  const { channels: [advertised] } = await until("advertised");
  return {
    client,
    welcome,
    last: advertised.last as number,
    publish(from: number, to: number) {
      const writer = new BatchWriter({ maxBytes: 65_536 });
      for (let i = from; i <= to; i++) writer.add(EVENT, i, 1_000 + i, new TextEncoder().encode(`${i}`));
      client.send(writer.takeBorrowed());
    },
    /** Waits until the gateway has taken what was sent. */
    async settle() {
      client.send(JSON.stringify({ type: "ping", id: 1 }));
      await until("pong");
    },
  };
}

eachForm(({ form, test }) => {
  test("a device goes on with its session from the control channel to a WebSocket and back", async (gateway) => {
    const name = uniqueName("http");
    const token = await operator.addDevice(gateway, name);
    const { token: reader } = await operator.dashboardToken(gateway);
    using dashboard = connectDashboard({ url: gateway.url, token: reader });
    const got: string[] = [];
    const all = Promise.withResolvers<void>();
    dashboard.subscribe(`${name}/e`, {
      from: LAST_MINUTE,
      onSample: ({ value }) => got.push(value as string) === 60 && all.resolve(),
    });
    const first = await deviceByHand(gateway, token);
    first.publish(1, 20);
    await first.settle();
    first.publish(21, 25); // may or may not arrive
    await first.client.connection.close();
    const { session, resume } = first.welcome;
    const second = await DevicePeer.connect(gateway, token, {
      producer: "p",
      resume: { session, token: resume },
    });
    assertEquals([second.welcome.resumed, second.welcome.session], [true, session]);
    const { channels } = await second.advertise({
      channel: EVENT,
      topic: "e",
      class: "event",
      encoding: "utf8",
    });
    for (let i = (channels[0]?.last ?? 0) + 1; i <= 40; i++) {
      await second.publish(EVENT, `${i}`, { sequence: i });
    }
    await second.expectAck(EVENT, 40);
    const again = { session, token: second.welcome.resume };
    second.cut();
    const third = await deviceByHand(gateway, token, again);
    assertEquals([third.welcome.resumed, third.welcome.session], [true, session]);
    third.publish(third.last + 1, 60);
    await all.promise;
    assertEquals(got, Array.from({ length: 60 }, (_, i) => `${i + 1}`));
    const [row] = await operator.sessions(gateway, { device: name });
    assertEquals([row!["id"], row!["transport"]], [session, "datachannel"]);
    await third.client.connection.close();
  });

  if (!form.name.endsWith("source")) return; // what differs between the forms, the test above has gone through

  test("a device without token and WebSocket is enrolled, and comes back with its token", async (gateway) => {
    const name = uniqueName("http");
    const tokens: (string | null)[] = [];
    let asked = "";
    const got = Promise.withResolvers<string>();
    const connections: InstanceType<typeof HttpPeerConnection>[] = [];
    const device = connectDevice({
      url: gateway.url,
      signalling: "http",
      enrol: { device: name },
      backoff: { minMs: 50 },
      onEnrolled: (_, token) => got.resolve(token),
      environment: {
        RTCPeerConnection: class extends HttpPeerConnection {
          constructor(config: object) {
            super(config);
            connections.push(this);
          }
        } as unknown as PeerConnectionConstructor,
        fetch: (input: string, init: RequestInit) => {
          if (init.method === "POST") tokens.push(new Headers(init.headers).get("authorization"));
          return fetch(input, init);
        },
      },
    });
    const event = device.channel({ topic: "event", class: "event", encoding: "f64" });
    device.onStatus((status) => {
      if (status.state !== "enrolling" || asked === status.code) return;
      asked = status.code;
      void operator.approve(gateway, asked);
    });
    const token = await got.promise;
    await event.publish(1); // resolves when it is on disk
    for (const one of connections.splice(0)) await one.close();
    await event.publish(2);
    assertEquals([tokens[0], tokens.at(-1)], [null, `Bearer ${token}`]);
    await device.close();
  });

  test("the SDK does without a WebSocket, and goes on after its peer connection died", async (gateway) => {
    const name = uniqueName("http");
    const connections: InstanceType<typeof HttpPeerConnection>[] = [];
    const environment = {
      RTCPeerConnection: class extends HttpPeerConnection {
        constructor(config: object) {
          super(config);
          connections.push(this);
        }
      } as unknown as PeerConnectionConstructor,
      WebSocket: class {
        constructor() {
          throw new Error("no WebSocket gets through here");
        }
      } as never,
    };
    const url = gateway.url;
    const common = { url, signalling: "http" as const, environment, backoff: { minMs: 50 } };
    const device = connectDevice({ ...common, token: await operator.addDevice(gateway, name) });
    const state = device.channel({ topic: "state", encoding: "f64" });
    const event = device.channel({ topic: "event", class: "event", encoding: "f64" });
    await device.opened();
    const { token } = await operator.dashboardToken(gateway);
    using dashboard = connectDashboard({ ...common, token });
    const ways: string[] = [];
    dashboard.onStatus((status) => status.state === "open" && ways.push(status.transport));
    const events: number[] = [];
    let newest = 0;
    let gaps = 0;
    const done = Promise.withResolvers<void>();
    const finished = () => events.at(-1) === 100 && newest === 100 && done.resolve();
    dashboard.subscribe(`${name}/#`, {
      from: LAST_MINUTE,
      onGap: () => gaps++,
      onSample: ({ topic, value }) => {
        if (topic.endsWith("/event")) events.push(value as number);
        if (topic.endsWith("/state")) newest = value as number;
        finished();
      },
    });
    await way(dashboard, "webrtc");
    for (let i = 1; i <= 100; i++) {
      state.publish(i);
      void event.publish(i);
      if (i === 50) { for (const one of connections.splice(0)) await one.close(); }
      await new Promise((next) => setTimeout(next, 10));
    }
    await done.promise;
    assertEquals(events, Array.from({ length: 100 }, (_, i) => i + 1));
    assertEquals(gaps, 0);
    assertEquals(ways.includes("websocket"), false);
    await device.close();
    dashboard.close();
    const ended = async () => (await operator.sessions(gateway, { device: name }))[0]!["endReason"];
    while (await ended() === null) await new Promise((next) => setTimeout(next, 50));
    assertEquals(await ended(), "normal");
  });

  test("a page where no WebSocket gets through has its stream, and keeps it when its network changes", async (gateway) => {
    const name = uniqueName("http");
    await using browser = await TestBrowser.start();
    const { page, faults } = await sdkPage(browser, gateway.url);
    const { token } = await operator.dashboardToken(gateway);
    const deviceToken = await operator.addDevice(gateway, name);
    await page.evaluate(() => {
      globalThis.WebSocket = class {
        constructor() {
          throw new Error("no WebSocket gets through here");
        }
      } as unknown as typeof WebSocket;
    });
    await watchInPage(page, token, name, { signalling: "http" });
    await page.evaluate(async (token) => {
      const sdk = await import("/sdk/tidegate.js" as string);
      const device = sdk.connectDevice({ token, signalling: "http" });
      const state = device.channel({ topic: "state", encoding: "f64" });
      const event = device.channel({ topic: "event", class: "event", encoding: "f64" });
      let made = 0;
      setInterval(() => {
        state.publish(performance.now());
        if (++made % 5 === 0) void event.publish(made);
      }, 10);
    }, deviceToken);
    await wayInPage(page, "webrtc");
    const more = async () => {
      const from = (await seenInPage(page)).states.length;
      await page.waitForFunction(
        (count) => (globalThis as unknown as { seen: { states: number[] } }).seen.states.length > count,
        from + 100,
      );
    };
    await more();
    await restartIceInPage(page);
    await more();
    const seen = await seenInPage(page);
    assertEquals(seen.gaps, 0);
    assertEquals(seen.events, seen.events.map((_, i) => seen.events[0]! + i));
    assertEquals(seen.ways.map(({ transport }) => transport).slice(0, 2), ["datachannel", "webrtc"]);
    assertEquals(ownFaults(faults), []);
    const [session] = await operator.sessions(gateway, { role: "dashboard", limit: "1" });
    const { events } = await operator.get(gateway, `/v1/sessions/${session!["id"]}/events`) as {
      events: { kind: string }[];
    };
    const kinds = events.map(({ kind }) => kind);
    assert(kinds.includes("ice_restart"), `${kinds}`);
    assertEquals(kinds.includes("disconnected"), false, `${kinds}`);
  });
});
