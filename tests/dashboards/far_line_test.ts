/** A dashboard on a far line that stands still for once, with topics faster than the looks at the line. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { BatchReader } from "../../protocol/batch.ts";
import type { PlayedPeer } from "../support/played_peer.ts";
import { batchFrame } from "../support/wire.ts";
import { settle, World } from "../support/world.ts";

const STATES = 4;
const EVENT = { channel: STATES + 1, topic: "event", class: "event" };
const EVENT_EVERY_MS = 100;
const SWEEP_EVERY_MS = 25;

/** What the line holds at most before it is behind, beyond what it carries in a round trip: half a second of it and the mark of the backlog. */
const HELD_MS = 1_000;

/** For how long a line has carried everything before it stands still: then it is trusted. */
const CARRIED_MS = 6_000;

interface Line {
  tripMs: number;
  everyMs: number;
  payloadBytes: number;
  /** How much more it carries than it is offered. */
  spare: number;
  stallMs: number;
}

/** Lets what the gateway sends arrive at the line's rate, in order, nothing of it between two moments. */
class FarLine {
  readonly newest = new Map<number, number>();
  readonly events: number[] = [];
  gaps = 0;
  /** Most that ever waited to arrive, in bytes. */
  mostBytes = 0;
  readonly #world: World;
  readonly #peer: PlayedPeer;
  #freeAtMs = 0;
  #waitingBytes = 0;

  constructor(world: World, readonly line: Line, readonly bytesPerMs: number) {
    this.#world = world;
    this.#peer = world.dashboard();
    const transmit = this.#peer.send.bind(this.#peer);
    this.#peer.send = (message) => {
      this.#carry(typeof message === "string" ? message : message.slice());
      if (typeof message === "string") return transmit(message);
      this.#peer.traffic.bytesOut += message.length; // read when it arrives
      return true;
    };
    this.#peer.say({ type: "hello", protocol: 1 });
    this.#peer.say({ type: "subscribe", id: 1, patterns: ["pump/#"] });
  }

  /** Whether it was live, each time that it was told. */
  get live(): unknown[] {
    return this.#peer.texts("subscribed").map(({ live }) => live);
  }

  #carry(message: string | Uint8Array): void {
    const { ms } = this.#world.timers;
    this.#waitingBytes += message.length;
    this.mostBytes = Math.max(this.mostBytes, this.#waitingBytes);
    let beginMs = Math.max(ms, this.#freeAtMs);
    if (beginMs >= CARRIED_MS) beginMs = Math.max(beginMs, CARRIED_MS + this.line.stallMs);
    this.#freeAtMs = beginMs + message.length / this.bytesPerMs;
    this.#world.timers.later(() => this.#arrived(message), this.#freeAtMs + this.line.tripMs / 2 - ms);
  }

  #arrived(message: string | Uint8Array): void {
    this.#waitingBytes -= message.length;
    if (typeof message !== "string") return this.#batch(message);
    const { type, id } = JSON.parse(message) as { type: string; id?: number };
    if (type === "gap") this.gaps++;
    if (type !== "ping" || id === undefined) return;
    this.#world.timers.later(() => this.#peer.say({ type: "pong", id }), this.line.tripMs / 2);
  }

  #batch(message: Uint8Array): void {
    const { hub } = this.#world;
    const reader = new BatchReader();
    reader.open(message);
    while (reader.next()) {
      const topic = hub.topicById(reader.channel)!;
      if (topic.name === "pump/event") this.events.push(reader.sequence);
      if (topic.name.startsWith("pump/state/")) this.newest.set(reader.channel, reader.sequence);
    }
  }
}

/** A device whose topics all speak every so often, and the dashboard at the end of the line. */
class Run {
  readonly world = new World();
  readonly far: FarLine;
  readonly #device: PlayedPeer;
  readonly #line: Line;
  readonly #channels = Array.from(
    { length: STATES },
    (_, i) => ({ channel: i + 1, topic: `state/${i}`, class: "state" }),
  );
  #ms = 0;
  rounds = 0;
  events = 0;

  constructor(line: Line) {
    this.#line = line;
    this.world.recording.automatic = true;
    this.#device = this.world.openDevice("pump", [...this.#channels, EVENT]);
    const offered = (STATES * (line.payloadBytes + 20) + 40) / line.everyMs + 120 / EVENT_EVERY_MS;
    this.far = new FarLine(this.world, line, offered * line.spare);
  }

  /** Lets so many milliseconds pass, or fewer if it is `done`. */
  async pass(ms: number, done: () => boolean = () => false): Promise<void> {
    for (const until = this.#ms + ms; this.#ms < until && !done();) {
      this.#ms++;
      if (this.#ms % this.#line.everyMs === 0) this.#speak();
      if (this.#ms % EVENT_EVERY_MS === 0) {
        this.#device.say(batchFrame([{ channel: EVENT.channel, sequence: ++this.events, payload: BYTES }]));
      }
      await settle(4);
      this.world.timers.advance(1);
      if (this.#ms % SWEEP_EVERY_MS === 0) this.world.sweep();
    }
  }

  #speak(): void {
    this.rounds++;
    const payload = new Uint8Array(this.#line.payloadBytes);
    this.#device.say(
      batchFrame(this.#channels.map(({ channel }) => ({ channel, sequence: this.rounds, payload }))),
    );
  }
}

const BYTES = new Uint8Array(60);

/** The same lines each time, and others in the long run. */
const RUNS = Deno.env.get("TIDEGATE_SOAK") === "1" ? { numRuns: 100 } : { numRuns: 6, seed: 1 };

const lines: fc.Arbitrary<Line> = fc.record({
  tripMs: fc.integer({ min: 10, max: 600 }),
  everyMs: fc.integer({ min: 1, max: 150 }),
  payloadBytes: fc.integer({ min: 100, max: 600 }),
  spare: fc.double({ min: 1.5, max: 10, noNaN: true }),
  stallMs: fc.integer({ min: 0, max: 3_000 }),
});

Deno.test("after a line has stood still a dashboard is live again within seconds, with the newest values and every event", async () => {
  let fell = 0;
  await fc.assert(
    fc.asyncProperty(lines, async (line) => {
      const run = new Run(line);
      using _ = run.world;
      await run.pass(CARRIED_MS + line.stallMs);
      fell += Number(run.far.live.includes(false));
      await run.pass(4_000 + 20 * line.tripMs);
      assertEquals(run.far.live.at(-1), true, "still behind");
      const [rounds, events] = [run.rounds, run.events];
      await run.pass(line.tripMs + 500);
      assertEquals(run.far.newest.size, STATES);
      for (const sequence of run.far.newest.values()) assert(sequence >= rounds, `${sequence} of ${rounds}`);
      assert(run.far.events.length >= events, `${run.far.events.length} of ${events} events`);
      assertEquals(run.far.events, run.far.events.map((_, i) => i + 1));
      assertEquals(run.far.gaps, 0);
      const offered = run.far.bytesPerMs / line.spare;
      const bound = 524_288 + offered * (line.tripMs + HELD_MS);
      assert(run.far.mostBytes <= bound, `${run.far.mostBytes} bytes waited, ${bound} may`);
    }),
    RUNS,
  );
  assert(fell > 0, "no run made it fall behind");
});
