/** Meeting the live stream from the recording, when the two do not hold the same. */
import { assertEquals } from "@std/assert";
import { batchFrame } from "../support/wire.ts";
import type { PlayedPeer } from "../support/played_peer.ts";
import { settle, World } from "../support/world.ts";

const EVENT = { channel: 2, topic: "log", class: "event" };

function event(device: PlayedPeer, sequence: number, size = 1): void {
  device.say(batchFrame([{ channel: 2, sequence, payload: new Uint8Array(size) }]));
}

/** Every sample of a topic on a subscription with the epoch that it counts in, as a client takes it. */
function places(world: World, peer: PlayedPeer, topic: string, id: number): string[] {
  const channel = world.hub.topic(topic)!.id;
  const current = peer.texts("welcome")[0]!.epoch;
  let announced: unknown;
  let feed: unknown;
  const found: string[] = [];
  for (const one of peer.received) {
    if (one.kind === "batch") {
      for (const sample of one.samples) {
        if (sample.channel !== channel || sample.feed !== feed) continue;
        found.push(`${sample.recorded ? announced : current} ${sample.offset}`);
      }
    } else if (one.kind === "text" && one.message.type === "subscribed") {
      if (one.message.id === id) feed = one.message.feed;
    } else if (one.kind === "text" && one.message.type === "channels") {
      const channels = one.message.channels as { channel: number; epoch: string }[];
      announced = channels.findLast((entry) => entry.channel === channel)?.epoch ?? announced;
    }
  }
  return found;
}

/** Events of an earlier run, on record. */
function formerRun(world: World, topic: string, count: number): void {
  const { id } = world.hub.topic(topic)!;
  for (let offset = 1; offset <= count; offset++) {
    world.recording.committed.unshift({
      topic: world.hub.topicById(id)!,
      epoch: "gw.0",
      offset: count + 1 - offset,
      timeUs: 1_000 - offset,
      session: 0,
      bytes: new Uint8Array(30_000),
      start: 0,
      end: 30_000,
    });
  }
}

function offsetsOf(world: World, peer: PlayedPeer, topic: string): number[] {
  const id = world.hub.topic(topic)!.id;
  return peer.samples.filter(({ channel }) => channel === id).map(({ offset }) => offset);
}

Deno.test("a topic that appears while too much comes to be collected loses no event", async () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  device.say(batchFrame([{ channel: 1, sequence: 1, payload: new Uint8Array(1) }]));
  const dashboard = world.openDashboard(["pump/#"], { from: { time: 1 } });
  device.say({ type: "advertise", channels: [EVENT] });
  for (let sequence = 1; sequence <= 30; sequence++) event(device, sequence, 50_000);
  for (let i = 0; i < 6; i++) {
    world.recording.commit();
    await settle();
  }
  event(device, 31);
  world.recording.commit();
  world.timers.advance(20);
  assertEquals(offsetsOf(world, dashboard, "pump/log"), Array.from({ length: 31 }, (_, i) => i + 1));
});

for (
  const from of [
    { positions: { "pump/rpm": { epoch: "gw.1", offset: 1 } } },
    { time: 1 },
  ]
) {
  Deno.test(`state that the recording could not take reaches who begins at ${JSON.stringify(from)}`, async () => {
    using world = new World();
    const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
    const send = (sequence: number) =>
      device.say(batchFrame([{ channel: 1, sequence, payload: new Uint8Array(1) }]));
    send(1);
    send(2);
    world.recording.full = true;
    send(3);
    world.recording.full = false;
    const dashboard = world.openDashboard(["pump/rpm"], { from });
    world.recording.commit();
    await settle();
    const first = "time" in from ? [1, 2] : [2];
    assertEquals(offsetsOf(world, dashboard, "pump/rpm"), [...first, 3]);
    send(4);
    world.timers.advance(20);
    assertEquals(offsetsOf(world, dashboard, "pump/rpm"), [...first, 3, 4]);
  });
}

Deno.test("state that the recording holds is not repeated when a subscription meets the live stream", async () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  const send = (sequence: number) =>
    device.say(batchFrame([{ channel: 1, sequence, payload: new Uint8Array(1) }]));
  send(1);
  const dashboard = world.openDashboard(["pump/rpm"], {
    from: { positions: { "pump/rpm": { epoch: "gw.1", offset: 1 } } },
  });
  await settle();
  send(2);
  world.recording.commit();
  await settle();
  send(3);
  world.timers.advance(20);
  assertEquals(offsetsOf(world, dashboard, "pump/rpm"), [2, 3]);
});

Deno.test("who goes on from an earlier run is told which run each sample counts in", async () => {
  using world = new World();
  const device = world.openDevice("pump", [EVENT]);
  formerRun(world, "pump/log", 3);
  event(device, 1);
  world.recording.commit();
  const position = { epoch: "gw.0", offset: 1 };
  const dashboard = world.openDashboard(["pump/log"], { from: { positions: { "pump/log": position } } });
  await settle();
  event(device, 2);
  world.recording.commit();
  world.timers.advance(20);
  assertEquals(places(world, dashboard, "pump/log", 1), ["gw.0 2", "gw.0 3", "gw.1 1", "gw.1 2"]);
});

Deno.test("subscriptions that read different runs at a time do not mix them up", async () => {
  using world = new World();
  const device = world.openDevice("pump", [EVENT]);
  formerRun(world, "pump/log", 8);
  for (let sequence = 1; sequence <= 8; sequence++) event(device, sequence, 30_000);
  world.recording.commit();
  const from = (epoch: string) => ({ positions: { "pump/log": { epoch, offset: 1 } } });
  const dashboard = world.openDashboard(["pump/log"], { from: from("gw.0") });
  dashboard.say({ type: "subscribe", id: 2, patterns: ["pump/log"], from: from("gw.1") });
  dashboard.say({ type: "subscribe", id: 3, patterns: ["pump/log"], from: "live" });
  await settle(5);
  event(device, 9);
  world.recording.commit();
  world.timers.advance(20);
  await settle(500);
  const run = (epoch: string, from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => `${epoch} ${from + i}`);
  assertEquals(places(world, dashboard, "pump/log", 1), [...run("gw.0", 2, 8), ...run("gw.1", 1, 9)]);
  assertEquals(places(world, dashboard, "pump/log", 2), run("gw.1", 2, 9));
  assertEquals(places(world, dashboard, "pump/log", 3), ["gw.1 9"]);
});

Deno.test("with state: newest, events come from the time on and states with their newest value alone", async () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }, EVENT]);
  const rpm = () => device.say(batchFrame([{ channel: 1, sequence: 0, payload: new Uint8Array(1) }]));
  const lost = world.clock.nowUs();
  world.timers.advance(1_000);
  for (const sequence of [1, 2, 3]) {
    rpm();
    event(device, sequence);
  }
  world.recording.commit();
  await settle();
  const dashboard = world.openDashboard(["pump/#"], { from: { time: lost, state: "newest", positions: {} } });
  await settle();
  assertEquals(offsetsOf(world, dashboard, "pump/log"), [1, 2, 3]);
  assertEquals(offsetsOf(world, dashboard, "pump/rpm"), [3]);
});
