/** What must not grow: memory, sockets, delays. Longer with TIDEGATE_SOAK=1. */
import { assert, assertLess } from "@std/assert";
import { IDLE_TIMEOUT_MS } from "../../protocol/limits.ts";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";

const FACTOR = Deno.env.get("TIDEGATE_SOAK") === "1" ? 20 : 1;
const MIB = 1_048_576;

/** How often more is done before what has grown counts as a leak: a collector that is behind catches up, a leak grows on. */
const SECOND_LOOKS = 3;

/** Does `more` until `growth` is below `limit`, but not for ever; returns the last growth. */
async function settledGrowth(
  limit: number,
  growth: () => number | Promise<number>,
  more: () => Promise<unknown>,
): Promise<number> {
  let now = await growth();
  for (let look = 0; look < SECOND_LOOKS && now >= limit; look++) {
    await more();
    now = await growth();
  }
  return now;
}

eachForm(({ alone }) => {
  alone("hundreds of connections that come and go leave no socket and no memory behind", async (start) => {
    const gateway = await start();
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const comeAndGo = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const device = await DevicePeer.connect(gateway, token);
        await device.advertise({ channel: 1, topic: "v" }, { channel: 2, topic: "set", writable: true });
        const dashboard = await DashboardPeer.connect(gateway, gateway.token);
        await dashboard.subscribe([`${name}/#`]);
        await device.publish(1, `${i}`);
        await dashboard.expectValue(`${name}/v`, `${i}`);
        if (i % 3 === 0) {
          device.cut();
          dashboard.cut();
        } else await Promise.all([device.leave(), dashboard.leave()]);
      }
    };
    // The first rounds fill caches and compile code, and sessions that were cut wait for their peers for a minute:
    // what these take is not a leak.
    await comeAndGo(50 * FACTOR);
    const before = { files: gateway.openFiles(), memory: await gateway.memoryBytes() };
    await comeAndGo(300 * FACTOR);
    // The gateway may be told of the last ends after the peers.
    const files = await settledGrowth(4, () => gateway.openFiles() - before.files, () => comeAndGo(3));
    assertLess(files, 4, `${files} more open files`);
    const memory = async () => (await gateway.memoryBytes() - before.memory) / MIB;
    const growth = await settledGrowth(48, memory, () => comeAndGo(100 * FACTOR));
    assertLess(growth, 48, `memory grew by ${growth} MiB over ${300 * FACTOR} rounds`);
  });

  alone("a dashboard that does not read delays nobody and costs bounded memory", async (start) => {
    const gateway = await start();
    const name = uniqueName();
    const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
    await device.advertise({ channel: 1, topic: "s" }, { channel: 2, topic: "n", encoding: "json" });
    const quick = await DashboardPeer.connect(gateway, gateway.token);
    await quick.subscribe([`${name}/n`]);
    const payload = new Uint8Array(64 * 1024).fill(7);
    let value = 0;
    /** Publishes that many payloads; returns how long the dashboard that reads waited for each 20th sample. */
    const publish = async (count: number): Promise<number[]> => {
      const delays: number[] = [];
      for (let i = 1; i <= count; i++) {
        await device.publish(1, payload);
        if (i % 20 > 0) continue;
        const sent = performance.now();
        await device.publish(2, `${++value}`);
        await quick.expectValue(`${name}/n`, `${value}`);
        delays.push(performance.now() - sent);
      }
      return delays;
    };
    // What receiving and recording alone take: buffers that the runtime keeps for the next message.
    await publish(1_500);
    const silentSince = performance.now();
    const slow = await DashboardPeer.open(gateway, { token: gateway.token, reading: false });
    await slow.send({ type: "hello", protocol: 1 });
    await slow.send({ type: "subscribe", id: 1, patterns: [`${name}/#`] });
    await device.settle();
    const before = await gateway.memoryBytes();
    const rounds = 3_000 * FACTOR;
    const delays = await publish(rounds);
    const memory = async () => (await gateway.memoryBytes() - before) / MIB;
    const growth = await settledGrowth(100, memory, () => publish(500));
    const offered = rounds * payload.length / MIB;
    assertLess(growth, 100, `memory grew by ${growth} MiB for ${offered} MiB that a dashboard did not read`);
    const p95 = delays.sort((a, b) => a - b)[Math.floor(delays.length * 0.95)]!;
    // Milliseconds where nothing else is at work; behind the other's queue it would wait for its end.
    assertLess(p95, 1_500, `${p95} ms from the device to the dashboard that reads`);
    // It reads again: it catches up with the newest value without the backlog, or was told to come back.
    slow.startReading();
    const outcome = await slow.until(
      () => slow.ended ? "ended" : slow.samples.some((one) => one.text === `${value}`) && "caught up",
      "the newest value, or an end that says why",
    );
    // One that was silent for longer than the gateway waits may be cut without a last word.
    const endings = performance.now() - silentSince < IDLE_TIMEOUT_MS ? [4003] : [4003, 4000, 1006];
    if (outcome === "ended") assert(endings.includes(slow.ended!.code), `ended with ${slow.ended!.code}`);
    else assertLess(slow.samples.length, rounds);
  });
});
