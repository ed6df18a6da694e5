/** Meeting the live stream from the recording, when the two do not hold the same. */
import { assertEquals } from "@std/assert";
import { batchFrame } from "../support/wire.ts";
import type { PlayedPeer } from "../support/played_peer.ts";
import { settle, World } from "../support/world.ts";

const EVENT = { channel: 2, topic: "log", class: "event" };

function event(device: PlayedPeer, sequence: number, size = 1): void {
  device.say(batchFrame([{ channel: 2, sequence, payload: new Uint8Array(size) }]));
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
