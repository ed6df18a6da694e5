/** Much to tell at once goes out at the speed at which the peer reads. */
import { assert, assertEquals } from "@std/assert";
import { batchFrame } from "../support/wire.ts";
import type { PlayedPeer } from "../support/played_peer.ts";
import { settle, World } from "../support/world.ts";

const TOPICS = 120;
const SIZE = 50_000;
/** What a transport of the gateway lets wait before it refuses. */
const MAX_WAITING = 4_194_304;

/** A peer whose line holds what is sent until it reads. */
function holding(world: World): { peer: PlayedPeer; read(): void } {
  const peer = world.dashboard();
  const send = peer.send.bind(peer);
  peer.send = (message) => {
    if (peer.bufferedBytes > MAX_WAITING) return false;
    peer.bufferedBytes += message.length;
    return send(message);
  };
  return { peer, read: () => void (peer.bufferedBytes = 0) };
}

function fleet(world: World): PlayedPeer {
  const channels = Array.from({ length: TOPICS }, (_, i) => ({ channel: i, topic: `t${i}` }));
  const device = world.openDevice("pump", channels);
  for (let channel = 0; channel < TOPICS; channel++) {
    device.say(batchFrame([{ channel, sequence: 1, payload: new Uint8Array(SIZE) }]));
  }
  return device;
}

for (const from of ["snapshot", { time: 1 }, { time: Number.MAX_SAFE_INTEGER }, { positions: {} }]) {
  Deno.test(`more than fits on the line at once comes bit by bit from ${JSON.stringify(from)}`, async () => {
    using world = new World();
    const device = fleet(world);
    world.recording.commit();
    const { peer, read } = holding(world);
    peer.say({ type: "hello", protocol: 1 });
    peer.say({ type: "subscribe", id: 1, patterns: ["pump/#"], from });
    let most = peer.bufferedBytes;
    for (let i = 0; i < 300; i++) {
      await settle();
      most = Math.max(most, peer.bufferedBytes);
      read();
      world.timers.advance(25);
      world.sweep();
    }
    assertEquals(peer.closedWith, undefined);
    assert(most < 1_000_000, `${most} bytes waited at once`);
    const channels = new Set(
      peer.samples.filter(({ payload }) => payload.length === SIZE).map((one) => one.channel),
    );
    assertEquals(channels.size, TOPICS);
    assertEquals(peer.texts("subscribed").at(-1)!.live, true);
    device.say(batchFrame([{ channel: 0, sequence: 2, payload: new Uint8Array(1) }]));
    world.timers.advance(25);
    assertEquals(peer.samples.at(-1)!.offset, 2);
    const announced = new Set<unknown>();
    for (const one of peer.received) {
      if (one.kind === "batch") { for (const { channel } of one.samples) assert(announced.has(channel)); }
      else if (one.kind === "text" && one.message.type === "channels") {
        for (const { channel } of one.message.channels as { channel: number }[]) announced.add(channel);
      }
    }
  });
}

Deno.test("a peer that is behind gets the newest values bit by bit", () => {
  using world = new World();
  const device = fleet(world);
  const { peer, read } = holding(world);
  peer.say({ type: "hello", protocol: 1 });
  peer.say({ type: "subscribe", id: 1, patterns: ["pump/#"], from: "live" });
  peer.bufferedBytes = 1_000_000;
  world.sweep();
  for (let channel = 0; channel < TOPICS; channel++) {
    device.say(batchFrame([{ channel, sequence: 2, payload: new Uint8Array(SIZE) }]));
  }
  let most = 0;
  for (let i = 0; i < 300; i++) {
    read();
    world.timers.advance(25);
    world.sweep();
    most = Math.max(most, peer.bufferedBytes);
  }
  assertEquals(peer.closedWith, undefined);
  assert(most < 1_000_000, `${most} bytes waited at once`);
  assertEquals(peer.samples.filter(({ offset }) => offset === 2).length, TOPICS);
});

Deno.test("a session whose line refuses a control message ends, to be taken up again", () => {
  using world = new World();
  const dashboard = world.openDashboard(["#"]);
  dashboard.accepting = false;
  world.openDevice("pump", [{ channel: 1, topic: "rpm" }]);
  assertEquals(dashboard.closedWith?.code.name, "slow_consumer");
});

Deno.test("a device whose line refuses a desired value ends, and gets it when it is back", () => {
  using world = new World();
  const channels = [{ channel: 1, topic: "valve", encoding: "json", writable: true }];
  const device = world.openDevice("pump", channels);
  const dashboard = world.dashboard(["#"], ["#"]);
  dashboard.say({ type: "hello", protocol: 1 });
  device.accepting = false;
  dashboard.say({ type: "write", id: 1, topic: "pump/valve", value: true });
  assertEquals(device.closedWith?.code.name, "slow_consumer");
  assertEquals(world.openDevice("pump", channels).samples.length, 1);
});
