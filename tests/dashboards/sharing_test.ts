/** What subscriptions that are alike share must not let one of them harm the other. */
import { assertEquals } from "@std/assert";
import { batchFrame } from "../support/wire.ts";
import type { PlayedPeer } from "../support/played_peer.ts";
import { World } from "../support/world.ts";

const offsets = (peer: PlayedPeer) => peer.samples.map((sample) => sample.offset);

function state(device: PlayedPeer, sequence: number, size = 1): void {
  device.say(batchFrame([{ channel: 1, sequence, payload: new Uint8Array(size).fill(sequence) }]));
}

Deno.test("a subscription goes on when a like one of the same session ends", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  const dashboard = world.openDashboard(["pump/rpm"]);
  dashboard.say({ type: "subscribe", id: 2, patterns: ["pump/rpm"] });
  dashboard.say({ type: "unsubscribe", id: 1 });
  state(device, 1);
  world.timers.advance(20);
  assertEquals(offsets(dashboard), [1]);
});

Deno.test("a like subscription of the same session repeats nothing and takes no state back", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  const dashboard = world.openDashboard(["pump/rpm"]);
  state(device, 1);
  state(device, 2);
  dashboard.say({ type: "subscribe", id: 2, patterns: ["pump/rpm"] });
  state(device, 3);
  world.timers.advance(20);
  const feeds = new Map<number, number[]>();
  for (const { feed, offset } of dashboard.samples) feeds.set(feed, [...feeds.get(feed) ?? [], offset]);
  assertEquals([...feeds.values()].sort((a, b) => a[0]! - b[0]!), [[1, 2, 3], [2, 3]]);
});

Deno.test("who joins a feed whose only member is turned away at that moment still receives", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  const slow = world.openDashboard(["pump/rpm"], { from: "live" });
  state(device, 1);
  slow.accepting = false;
  const dashboard = world.openDashboard(["pump/rpm"], { from: "live" });
  assertEquals(slow.closedWith?.code.name, "slow_consumer");
  state(device, 2);
  world.timers.advance(20);
  assertEquals(offsets(dashboard), [2]);
});

Deno.test("nothing is kept for a subscription whose snapshot its peer refuses", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  state(device, 1);
  const dashboard = world.dashboard();
  dashboard.say({ type: "hello", protocol: 1 });
  dashboard.accepting = false;
  dashboard.say({ type: "subscribe", id: 1, patterns: ["pump/rpm"] });
  assertEquals(dashboard.open, false);
  assertEquals([...world.feeds.all()].length, 0);
  assertEquals(world.hub.topic("pump/rpm")!.listeners.length, 0);
});

Deno.test("nothing is kept for a subscription that is turned away while it falls behind", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  const dashboard = world.openDashboard(["pump/rpm"]);
  state(device, 1);
  dashboard.bufferedBytes = 1_000_000;
  dashboard.accepting = false;
  world.sweep();
  assertEquals(dashboard.open, false);
  assertEquals([...world.feeds.all()].length, 0);
  assertEquals(world.hub.topic("pump/rpm")!.listeners.length, 0);
});

Deno.test("a thinned subscription that falls behind still gets the value that waited for its turn", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  const dashboard = world.openDashboard(["pump/rpm"], { maxHz: 1 });
  state(device, 1);
  world.timers.advance(20);
  state(device, 2);
  dashboard.bufferedBytes = 1_000_000;
  world.sweep();
  dashboard.bufferedBytes = 0;
  world.timers.advance(5_000);
  world.sweep();
  world.timers.advance(5_000);
  assertEquals(offsets(dashboard), [1, 2]);
});
