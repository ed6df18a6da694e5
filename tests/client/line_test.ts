/** A device on a WebSocket whose link carries less than it publishes, while the kernel takes everything. */
import { assert, assertEquals } from "@std/assert";
import { connectDevice } from "../../client/mod.ts";
import { FakeDeviceGateway } from "./fake_device_gateway.ts";
import { FakeNet } from "./fake_net.ts";

const TOPICS = 100;
const BYTES = 200;
const EVERY_MS = 50;

/** 1 Mbit/s: a third of what {@link fleet} publishes. */
const NARROW = 125;

/**
 * A device with many state topics, whose payloads hold the number of the round in which they were published.
 *
 * @param events Of 1,000 bytes each, published before it is connected.
 */
async function fleet(bytesPerMs: number, latencyMs: number, events = 0) {
  const net = new FakeNet();
  net.latencyMs = latencyMs;
  net.bytesPerMs = bytesPerMs;
  const gateway = new FakeDeviceGateway(net);
  const device = connectDevice({ url: "http://gw", token: "t", environment: net.environment });
  const topics = Array.from({ length: TOPICS }, (_, i) => `state/${i}`);
  const channels = topics.map((topic) => device.channel({ topic }));
  const log = device.channel({ topic: "log", class: "event" });
  const logged = Array.from({ length: events }, () => log.publish(new Uint8Array(1_000)));
  await net.time.advance(500);
  let round = 0;
  const payload = new Uint8Array(BYTES);
  const view = new DataView(payload.buffer);
  /** Number of the last round that has arrived of a topic. */
  const shown = (topic: string) => {
    const newest = gateway.state.get(topic)?.at(-1)?.payload;
    return newest ? new DataView(newest.buffer).getUint32(0) : 0;
  };
  return {
    net,
    gateway,
    device,
    logged,
    /** Publishes for `seconds`; returns the p99 of the ages in rounds, looked at in the second half. */
    async run(seconds: number, each: () => void = () => {}): Promise<number> {
      const ages: number[] = [];
      const rounds = seconds * 1_000 / EVERY_MS;
      for (let i = 0; i < rounds; i++) {
        view.setUint32(0, ++round);
        for (const channel of channels) channel.publish(payload);
        each();
        await net.time.advance(EVERY_MS);
        if (i > rounds / 2) ages.push(...topics.map((topic) => round - shown(topic)));
      }
      return ages.sort((a, b) => a - b)[Math.floor(ages.length * 0.99)]!;
    },
    /** Topics of which the last value has not arrived. */
    get missing() {
      return topics.filter((topic) => shown(topic) !== round);
    },
  };
}

Deno.test("a link that is offered three times its rate by a device lets no queue stand, and ends up with all newest values", async () => {
  const fleetOnLine = await fleet(NARROW, 15);
  const p99 = await fleetOnLine.run(12);
  // a round of all topics takes 170 ms of the link, and values are made every 50 ms
  assert(p99 * EVERY_MS <= 350, `p99 ${p99 * EVERY_MS} ms`);
  assert(fleetOnLine.device.stats.conflatedSamples > 10_000);
  await fleetOnLine.net.time.advance(500);
  assertEquals(fleetOnLine.missing, []);
});

Deno.test("a link that carries what a device publishes has nothing left out, and few pings", async () => {
  const { run, device, gateway } = await fleet(10 * NARROW, 15);
  assert(await run(6) <= 1);
  assertEquals(device.stats.conflatedSamples, 0);
  assert(gateway.pings <= 6 * 20 + 1, `${gateway.pings} pings`);
});

Deno.test("a device next door has nothing left out, and pings four times a second", async () => {
  const { run, device, gateway } = await fleet(1_000 * NARROW, 0.2);
  assert(await run(6) <= 1);
  assertEquals(device.stats.conflatedSamples, 0);
  assert(gateway.pings <= 6 * 4 + 1, `${gateway.pings} pings`);
});

Deno.test("events that have gathered and states share a narrow link: all events come, and newest values beside them", async () => {
  const { run, net, gateway, device, logged } = await fleet(NARROW, 15, 1_000);
  const p99 = await run(12);
  assert(device.stats.pendingEvents > 0, "the events had come before the states were looked at");
  assert(p99 * EVERY_MS <= 700, `p99 ${p99 * EVERY_MS} ms`);
  await net.time.advance(10_000);
  assertEquals(await Promise.all(logged), logged.map((_, i) => i + 1));
  assertEquals(gateway.complaints, []);
});

Deno.test("a device with events alone asks for no answers once its link has shown to keep up", async () => {
  const net = new FakeNet();
  const gateway = new FakeDeviceGateway(net);
  const device = connectDevice({ url: "http://gw", token: "t", environment: net.environment });
  const log = device.channel({ topic: "log", class: "event" });
  for (let i = 0; i < 500; i++) {
    void log.publish(new Uint8Array(1_000));
    await net.time.advance(10);
  }
  assert(gateway.pings <= 5, `${gateway.pings} pings`);
});

Deno.test("a gateway that answers no pings is judged by what waits in this process alone", async () => {
  const { run, net, gateway, device } = await fleet(NARROW, 15);
  gateway.mute = true;
  await run(3);
  const left = device.stats.conflatedSamples;
  await run(1);
  assertEquals(device.stats.conflatedSamples, left);
  net.connection.buffered = 100_000;
  await run(1);
  assert(device.stats.conflatedSamples > left);
});

Deno.test("a link that was narrow and is not any more has nothing left out", async () => {
  const { run, net, device } = await fleet(NARROW, 15);
  await run(4);
  net.bytesPerMs = 10 * NARROW;
  await run(2);
  const left = device.stats.conflatedSamples;
  assert(await run(2) <= 1);
  assertEquals(device.stats.conflatedSamples, left);
});
