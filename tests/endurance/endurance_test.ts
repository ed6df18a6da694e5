/** What must not grow: memory, sockets, delays. Longer with TIDEGATE_SOAK=1. */
import { assert, assertLess, assertLessOrEqual } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";

const FACTOR = Deno.env.get("TIDEGATE_SOAK") === "1" ? 20 : 1;
const MIB = 1_048_576;

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
    await (await DashboardPeer.connect(gateway, gateway.token)).leave();
    assertLessOrEqual(gateway.openFiles(), before.files + 3);
    const growth = (await gateway.memoryBytes() - before.memory) / MIB;
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
        // a dashboard that says nothing at all for half a minute would be taken for dead
        if (i % 500 === 0) await quick.settle();
      }
      return delays;
    };
    // What receiving and recording alone take: buffers that the runtime keeps for the next message.
    await publish(1_500);
    const slow = await DashboardPeer.open(gateway, { token: gateway.token, reading: false });
    await slow.send({ type: "hello", protocol: 1 });
    await slow.send({ type: "subscribe", id: 1, patterns: [`${name}/#`] });
    await device.settle();
    const before = await gateway.memoryBytes();
    const rounds = 3_000 * FACTOR;
    const delays = await publish(rounds);
    const growth = (await gateway.memoryBytes() - before) / MIB;
    const offered = rounds * payload.length / MIB;
    assertLess(growth, 100, `memory grew by ${growth} MiB for ${offered} MiB that a dashboard did not read`);
    const p95 = delays.sort((a, b) => a - b)[Math.floor(delays.length * 0.95)]!;
    assertLess(p95, 150, `${p95} ms from the device to the dashboard that reads`);
    // It reads again: it catches up with the newest value without the backlog, or was told to come back.
    slow.startReading();
    const outcome = await slow.until(
      () => slow.ended ? "ended" : slow.samples.some((one) => one.text === `${value}`) && "caught up",
      "the newest value, or an end that says why",
      30_000,
    );
    // In the long run it was silent for longer than the gateway waits, which may cut it without a last word.
    const endings = FACTOR > 1 ? [4003, 4000, 1006] : [4003];
    if (outcome === "ended") assert(endings.includes(slow.ended!.code), `ended with ${slow.ended!.code}`);
    else assertLess(slow.samples.length, rounds);
  });
});
