/** A dashboard with a state lane: it moves up and down, and nothing is lost, repeated or out of order by that. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { PlayedPeer } from "../support/played_peer.ts";
import { type Fates, PlayedLane, playedLanes, samplesOf } from "../support/played_lane.ts";
import { batchFrame } from "../support/wire.ts";
import { settle, World } from "../support/world.ts";

const SOON: Fates = () => [5];

/** A dashboard that follows the protocol: feeds from `subscribed`, offsets that only rise, positions to go on from. */
class Viewer {
  readonly events: number[] = [];
  readonly states: number[] = [];
  readonly overLane: number[] = [];
  lane: PlayedLane | undefined;
  line!: PlayedPeer;
  fates: Fates = SOON;
  #read = 0;

  constructor(readonly world: World, readonly subscribe: object = { from: { time: 1 } }) {
    world.dashboards.lanes = playedLanes(() => this.#open());
    this.line = world.openDashboard(["pump/#"], subscribe);
  }

  offer(): void {
    this.line.say({ type: "offer", sdp: "v=0" });
  }

  reconnect(): void {
    this.read();
    this.line.cut();
    const positions = {
      "pump/event": { epoch: "gw.1", offset: this.events.at(-1) ?? 0 },
      "pump/state": { epoch: "gw.1", offset: this.states.at(-1) ?? 0 },
    };
    this.line = this.world.openDashboard(["pump/#"], { from: { positions } });
    this.#read = 0;
  }

  /** Reads what has come on the line so far. */
  read(): void {
    const samples = this.line.samples;
    for (; this.#read < samples.length; this.#read++) {
      const { channel, offset } = samples[this.#read]!;
      if (channel === this.#id("event")) this.events.push(offset);
      if (channel === this.#id("state")) this.#state(offset);
    }
  }

  get moves(): unknown[] {
    return this.line.texts("moved").map(({ to }) => to);
  }

  #open(): PlayedLane {
    this.lane = new PlayedLane(this.world.timers, () => this.fates(), (batch) => this.#place(batch));
    return this.lane;
  }

  #place(batch: Uint8Array): boolean {
    this.read();
    const samples = samplesOf(batch);
    const feed = this.line.texts("subscribed").at(-1)?.["feed"];
    if (samples.some((sample) => sample.feed !== feed)) return false;
    for (const { channel, offset } of samples) {
      if (channel === this.#id("state") && this.#state(offset)) this.overLane.push(offset);
    }
    return true;
  }

  #id(topic: string): number | undefined {
    return this.world.hub.topic(`pump/${topic}`)?.id;
  }

  #state(offset: number): boolean {
    if (offset <= (this.states.at(-1) ?? 0)) return false;
    this.states.push(offset);
    return true;
  }
}

function pump(world: World) {
  const device = world.openDevice("pump", [
    { channel: 1, topic: "state", class: "state" },
    { channel: 2, topic: "event", class: "event" },
  ]);
  const sent = { state: 0, event: 0 };
  return {
    sent,
    say(what: "state" | "event", count = 1) {
      for (let i = 0; i < count; i++) {
        const sequence = ++sent[what];
        device.say(batchFrame([{ channel: what === "state" ? 1 : 2, sequence, payload: new Uint8Array(4) }]));
      }
    },
  };
}

/** A device, and a dashboard that takes its state over the lane by now. */
function onLane(world: World, subscribe: object = {}) {
  const source = pump(world);
  const viewer = new Viewer(world, subscribe);
  viewer.offer();
  world.timers.advance(100);
  return { source, viewer };
}

Deno.test("a dashboard moves to its lane when it answers, and back when it closes", () => {
  using world = new World();
  const { source, viewer } = onLane(world);
  assertEquals(viewer.moves, ["webrtc"]);
  for (let i = 0; i < 20; i++) {
    source.say("state");
    world.timers.advance(10);
  }
  world.timers.advance(50);
  assertEquals(viewer.overLane.length, 20);
  const onLine = viewer.line.samples.length;
  source.say("state");
  world.timers.advance(1); // on its way, and not confirmed
  viewer.lane!.close("the test closed it");
  viewer.read();
  assertEquals(viewer.line.samples.length, onLine + 1);
  assertEquals(viewer.states.at(-1), source.sent.state);
  source.say("state");
  world.timers.advance(10);
  viewer.read();
  assertEquals(viewer.states.at(-1), source.sent.state);
  const [session] = world.log.sessions.filter(({ role }) => role === "dashboard");
  assertEquals(
    session!.events.filter(({ kind }) => kind === "moved").map((
      { detail },
    ) => [detail["to"], detail["cause"]]),
    [["webrtc", "the state lane answers within 10.0 ms"], ["websocket", "the test closed it"]],
  );
  assertEquals(session!.transport, "websocket");
});

Deno.test("events come without a pause at whatever moment the lane is closed and opened again", () => {
  for (let closedMs = 500; closedMs < 550; closedMs++) {
    using world = new World();
    const { source, viewer } = onLane(world);
    const arrivedMs: number[] = [];
    for (let ms = 1; ms <= 1_200; ms++) {
      if (ms % 10 === 0) source.say("state");
      if (ms % 50 === 0) source.say("event");
      if (ms === closedMs) viewer.lane!.close("the test closed it");
      if (ms === closedMs + 300) viewer.offer();
      world.recording.commit();
      world.timers.advance(1);
      if (ms % 25 === 0) world.sweep();
      viewer.read();
      while (arrivedMs.length < viewer.events.length) arrivedMs.push(ms);
    }
    const pauses = arrivedMs.map((ms, i) => ms - (arrivedMs[i - 1] ?? 0));
    assert(Math.max(...pauses) <= 60, `no event for ${Math.max(...pauses)} ms, closed at ${closedMs}`);
    assertEquals(viewer.events, Array.from({ length: 24 }, (_, i) => i + 1));
    assertEquals(viewer.moves, ["webrtc", "websocket", "webrtc"]);
  }
});

Deno.test("a dashboard whose path is cut is back on the line within a second with the newest value", () => {
  using world = new World();
  const { source, viewer } = onLane(world);
  viewer.lane!.cut = true;
  const cutAtMs = world.timers.ms;
  while (viewer.moves.length < 2) {
    source.say("state");
    world.timers.advance(10);
    assert(world.timers.ms - cutAtMs <= 1_000, "still on the lane after a second");
  }
  viewer.read();
  assertEquals(viewer.states.at(-1), source.sent.state);
  viewer.lane!.cut = false;
  world.timers.advance(500);
  assertEquals(viewer.moves, ["webrtc", "websocket", "webrtc"]);
});

Deno.test("while confirmations are missing the newest state takes the line too, before the lane is left", () => {
  using world = new World();
  const { source, viewer } = onLane(world);
  viewer.lane!.cut = true;
  const cutAtMs = world.timers.ms;
  const before = viewer.states.length;
  for (; viewer.states.length === before; viewer.read()) {
    source.say("state");
    world.timers.advance(5);
    assert(world.timers.ms - cutAtMs <= 150, "nothing on the line after 150 ms");
  }
  assertEquals(viewer.moves, ["webrtc"]);
  assertEquals(viewer.states.at(-1), source.sent.state, "the newest, and nothing that is old");
  viewer.lane!.cut = false;
  world.timers.advance(200);
  viewer.read();
  const onLine = viewer.line.samples.length;
  source.say("state");
  world.timers.advance(50);
  assertEquals(viewer.overLane.at(-1), source.sent.state);
  assertEquals(viewer.line.samples.length, onLine, "the lane is enough again");
});

Deno.test("state on a lane that is silent comes on the line and on the lane as soon as it shows a sign of life", () => {
  using world = new World();
  const { source, viewer } = onLane(world);
  viewer.lane!.cut = true;
  for (let ms = 0; ms < 3_000; ms += 20) {
    source.say("state");
    world.timers.advance(20);
    viewer.read();
    if (ms > 300) assertEquals(viewer.states.at(-1), source.sent.state);
  }
  assertEquals(viewer.moves, ["webrtc", "websocket"]);
  const { traffic, handlers } = viewer.lane!;
  const before = traffic.bytesOut;
  handlers.sign!(); // an acknowledgement of the network stack's, and no confirmation yet
  assert(traffic.bytesOut > before + 10, `${traffic.bytesOut - before} bytes`);
});

/** From here on the line takes one batch between two looks, and newer state always waits. */
function narrow(world: World, source: ReturnType<typeof pump>, viewer: Viewer): () => Promise<void> {
  const { line } = viewer;
  const send = line.send.bind(line);
  line.send = (message) => {
    if (typeof message !== "string") line.bufferedBytes = 200_000;
    return send(message);
  };
  line.bufferedBytes = 1_000_000;
  world.sweep();
  return async () => {
    source.say("state");
    line.bufferedBytes = 0;
    world.timers.advance(25);
    world.sweep();
    world.recording.commit();
    await settle();
    viewer.read();
  };
}

Deno.test("a dashboard that is behind when its lane comes up takes it, though newer state and events always wait", async () => {
  using world = new World();
  const source = pump(world);
  const viewer = new Viewer(world, { from: "live" });
  const look = narrow(world, source, viewer);
  source.say("event", 3);
  world.recording.commit();
  viewer.offer();
  world.timers.advance(60);
  assertEquals(viewer.moves, ["webrtc"]);
  assertEquals(viewer.overLane, []);
  for (let i = 0; i < 30 && viewer.overLane.length < 5; i++) {
    if (i % 3 === 0) source.say("event");
    await look();
  }
  assert(viewer.overLane.length >= 5, `${viewer.overLane.length} values on the lane`);
  assertEquals(viewer.events, Array.from({ length: viewer.events.length }, (_, i) => i + 1));
  assert(viewer.events.length >= 3);
});

Deno.test("events come on a line that always has newer state to carry", async () => {
  using world = new World();
  const source = pump(world);
  const viewer = new Viewer(world, { from: "live" });
  const look = narrow(world, source, viewer);
  source.say("event", 3);
  world.recording.commit();
  for (let i = 0; i < 30; i++) await look();
  assertEquals(viewer.line.texts("subscribed").at(-1)?.["live"], false);
  assertEquals(viewer.events, [1, 2, 3]);
  assert(viewer.states.length > 10, `${viewer.states.length} states`);
});

Deno.test("maxHz holds on the lane, and what it leaves out is reported", () => {
  using world = new World();
  const { source, viewer } = onLane(world, { maxHz: 10 });
  for (let i = 0; i < 200; i++) {
    source.say("state");
    world.timers.advance(5);
  }
  assert(
    viewer.overLane.length >= 9 && viewer.overLane.length <= 12,
    `${viewer.overLane.length} in a second`,
  );
  world.timers.advance(2_000);
  world.sweep();
  assertEquals(viewer.states.at(-1), 200);
  const counts = viewer.line.texts("skipped").at(-1)?.["counts"] as Record<string, number>;
  assert(counts["rate"]! >= 180, JSON.stringify(counts));
});

Deno.test("a sample too large for the lane comes on the line", () => {
  using world = new World();
  const { source, viewer } = onLane(world);
  source.say("state");
  const topic = world.hub.topic("pump/state")!;
  const before = viewer.line.samples.length;
  world.hub.publish(topic, world.clock.nowUs(), 1, new Uint8Array(10_000));
  world.timers.advance(20);
  assertEquals(viewer.line.samples.length, before + 1);
  viewer.read();
  assertEquals(viewer.states.at(-1), topic.lastOffset);
});

type Step =
  | { do: "state" | "event"; count: number }
  | { do: "tick"; ms: number }
  | {
    do:
      | "commit"
      | "sweep"
      | "block"
      | "unblock"
      | "busy"
      | "idle"
      | "reconnect"
      | "settle"
      | "offer"
      | "close"
      | "cut"
      | "mend";
  };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("state" as const, "event" as const),
      count: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("tick" as const), ms: fc.integer({ min: 1, max: 400 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...[
          "commit",
          "sweep",
          "block",
          "unblock",
          "busy",
          "idle",
          "reconnect",
          "settle",
          "offer",
          "close",
          "cut",
          "mend",
        ] as const,
      ),
    }),
  },
);

/** Packets that are lost, late, overtaken and doubled. */
const fates = fc.array(
  fc.oneof(
    fc.constant([]),
    fc.tuple(fc.integer({ min: 1, max: 60 })),
    fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 90 })),
  ),
  { minLength: 1, maxLength: 40 },
);

Deno.test("events are complete and state converges across any sequence of moves, losses and reconnects", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), fates, async (steps, packets) => {
      using world = new World();
      const source = pump(world);
      const viewer = new Viewer(world);
      let packet = 0;
      viewer.fates = () => packets[packet++ % packets.length]!;
      await settle();
      viewer.offer();
      world.timers.advance(200);
      for (const one of steps) await apply(one, world, source, viewer);
      viewer.line.bufferedBytes = 0;
      viewer.fates = SOON;
      if (viewer.lane) {
        viewer.lane.cut = false;
        viewer.lane.bufferedBytes = 0;
      }
      for (let i = 0; i < 6; i++) {
        world.recording.commit();
        await settle(3_000);
        world.timers.advance(500);
        world.sweep();
      }
      viewer.read();
      assertEquals(viewer.events, Array.from({ length: source.sent.event }, (_, i) => i + 1));
      assertEquals(viewer.states.at(-1) ?? 0, source.sent.state);
    }),
    { numRuns: 150 },
  );
});

async function apply(
  one: Step,
  world: World,
  source: ReturnType<typeof pump>,
  viewer: Viewer,
): Promise<void> {
  switch (one.do) {
    case "state":
    case "event":
      return source.say(one.do, one.count);
    case "tick":
      return world.timers.advance(one.ms);
    case "commit":
      return world.recording.commit();
    case "sweep":
      return world.sweep();
    case "block":
      return void (viewer.line.bufferedBytes = 1_000_000);
    case "unblock":
      return void (viewer.line.bufferedBytes = 0);
    case "busy":
    case "idle":
      if (viewer.lane) viewer.lane.bufferedBytes = one.do === "busy" ? 20_000 : 0;
      return;
    case "reconnect":
      return viewer.reconnect();
    case "settle":
      return await settle();
    case "offer":
      return viewer.offer();
    case "close":
      return viewer.lane?.close("the test closed it");
    case "cut":
    case "mend":
      if (viewer.lane) viewer.lane.cut = one.do === "cut";
      return;
    default:
      one satisfies never;
  }
}
