/** A dashboard on a WebSocket whose link carries less than it is sent, while the kernel takes everything. */
import { assert, assertEquals } from "@std/assert";
import { BatchReader } from "../../protocol/batch.ts";
import type { PlayedPeer } from "../support/played_peer.ts";
import { batchFrame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const TOPICS = 100;
const EVERY_MS = 50;

/** Lets what the gateway sends arrive at the link's rate, and has pings answered then. */
function link(world: World, peer: PlayedPeer, bytesPerMs: number, delayMs: number) {
  const newest = new Map<number, number>();
  const ages: number[] = [];
  let freeAtMs = 0;
  let pings = 0;
  const transmit = peer.send.bind(peer);
  peer.send = (message) => {
    const sent = transmit(message);
    const copy = typeof message === "string" ? message : message.slice();
    freeAtMs = Math.max(world.timers.ms, freeAtMs) + copy.length / bytesPerMs;
    world.timers.later(() => arrived(copy), freeAtMs + delayMs - world.timers.ms);
    return sent;
  };
  function arrived(message: string | Uint8Array): void {
    if (typeof message === "string") {
      const { type, id } = JSON.parse(message) as { type: string; id?: number };
      if (type !== "ping" || id === undefined) return;
      pings++;
      world.timers.later(() => peer.say({ type: "pong", id }), delayMs);
      return;
    }
    const reader = new BatchReader();
    reader.open(message);
    while (reader.next()) newest.set(reader.channel, reader.timeUs);
  }
  return {
    look() {
      for (const timeUs of newest.values()) ages.push((world.clock.nowUs() - timeUs) / 1_000);
    },
    get p99() {
      return ages.sort((a, b) => a - b)[Math.floor(ages.length * 0.99)]!;
    },
    get pings() {
      return pings;
    },
  };
}

/** Runs `seconds` of 100 topics x 20 Hz x `bytes`; ages are looked at in the second half. */
function run(bytesPerMs: number, delayMs: number, bytes: number, seconds: number) {
  const world = new World();
  const channels = Array.from(
    { length: TOPICS },
    (_, i) => ({ channel: i + 1, topic: `state/${i}`, class: "state" }),
  );
  const device = world.openDevice("pump", channels);
  const line = world.dashboard();
  const watched = link(world, line, bytesPerMs, delayMs);
  line.say({ type: "hello", protocol: 1 });
  line.say({ type: "subscribe", id: 1, patterns: ["pump/#"] });
  let sequence = 0;
  for (let ms = 1; ms <= seconds * 1_000; ms++) {
    if (ms % EVERY_MS === 0) {
      sequence++;
      const payload = new Uint8Array(bytes);
      device.say(batchFrame(channels.map(({ channel }) => ({ channel, sequence, payload }))));
    }
    world.timers.advance(1);
    if (ms % 25 === 0) world.sweep();
    if (ms > seconds * 500) watched.look();
  }
  const switches = line.texts("subscribed").length;
  return { world, watched, switches, drops: world.counters.get("dashboard_drops", "conflated") };
}

Deno.test("a link that is offered three times its rate by a WebSocket lets no queue stand", () => {
  const { world, watched, switches, drops } = run(125, 15, 200, 20);
  using _ = world;
  // a round of all topics takes 165 ms of the link, and values are made every 50 ms
  assert(watched.p99 <= 350, `p99 ${watched.p99} ms`);
  assert(drops > 10_000, `${drops} left out`);
  assert(switches <= 8, `${switches} changes between live and behind`);
});

Deno.test("a link that carries what it is offered has nothing left out, and few pings", () => {
  const { world, watched, drops } = run(1_250, 15, 200, 10);
  using _ = world;
  assertEquals(drops, 0);
  assert(watched.p99 <= EVERY_MS + 40, `p99 ${watched.p99} ms`);
  assert(watched.pings <= 10 * 20, `${watched.pings} pings`);
});

Deno.test("a dashboard next door has nothing left out, and is asked four times a second", () => {
  const { world, watched, drops } = run(125_000, 0.2, 200, 10);
  using _ = world;
  assertEquals(drops, 0);
  assert(watched.pings <= 45, `${watched.pings} pings`);
});

/** A gateway whose dashboard answers each ping after `delayMs()`, with a topic of which there is a value each millisecond. */
function answering(delayMs: () => number) {
  const world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "state/0", class: "state" }]);
  const peer = world.dashboard();
  const transmit = peer.send.bind(peer);
  peer.send = (message) => {
    const { type, id } = typeof message === "string" ? JSON.parse(message) : {};
    if (type === "ping" && id !== undefined) {
      world.timers.later(() => peer.say({ type: "pong", id }), delayMs());
    }
    return transmit(message);
  };
  peer.say({ type: "hello", protocol: 1 });
  peer.say({ type: "subscribe", id: 1, patterns: ["pump/#"] });
  let sequence = 0;
  return {
    world,
    run(ms: number) {
      for (let i = 0; i < ms; i++) {
        device.say(batchFrame([{ channel: 1, sequence: ++sequence, payload: new Uint8Array(400) }]));
        world.timers.advance(1);
        if (i % 25 === 0) world.sweep();
      }
    },
    /** Whether it was live, each time that it was told. */
    live: () => peer.texts("subscribed").map(({ live }) => live),
  };
}

Deno.test("a dashboard next door that was busy for a moment gets everything again, however fast its topics are", () => {
  let delayMs = 2;
  const { world, run, live } = answering(() => delayMs);
  using _ = world;
  run(500);
  delayMs = 400;
  run(1_500);
  assertEquals(live(), [true, false]);
  delayMs = 2;
  run(2_000);
  assertEquals(live(), [true, false, true]);
});

Deno.test("an answer that waited while this process was busy tells of no queue", () => {
  let delayMs = 10;
  const { world, run, live } = answering(() => delayMs);
  using _ = world;
  run(300);
  delayMs = 300;
  for (let stalls = 0; stalls < 3; stalls++) {
    run(76);
    world.timers.advance(300); // what came meanwhile is read before the timer of the next look fires
  }
  assertEquals(live(), [true]);
});

Deno.test("a peer that answers no more pings is judged by what waits in this process alone", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "state/0", class: "state" }]);
  const line = world.openDashboard(["pump/#"]);
  const [first] = line.texts("ping");
  line.say({ type: "pong", id: first!["id"] });
  const payload = new Uint8Array(20_000);
  for (let sequence = 1; sequence <= 400; sequence++) {
    device.say(batchFrame([{ channel: 1, sequence, payload }]));
    world.timers.advance(50);
    world.sweep();
    if (sequence === 100) assertEquals(line.texts("subscribed").at(-1)!["live"], false);
  }
  assertEquals(line.samples.at(-1)!.offset, 400);
});
