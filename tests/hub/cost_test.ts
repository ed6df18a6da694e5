/**
 * What a sample costs, counted instead of timed: an operation that sneaks into its way fails here, on any machine.
 */
import { assert, assertEquals } from "@std/assert";
import { ChunkWriter } from "../../db/chunk.ts";
import { PatternSet } from "../../hub/pattern.ts";
import { BatchWriter } from "../../protocol/batch.ts";
import { PlayedGroup } from "../support/played_peer.ts";
import { batchFrame } from "../support/wire.ts";
import { World } from "../support/world.ts";

const SAMPLES = 1_000;
const PER_MS = 5;

/** Views for buffers that grow to their size once. */
const GROWING = 10;

type Counted = Record<
  "writes" | "sends" | "patterns" | "json" | "clocks" | "timers" | "microtasks" | "views" | "promises",
  number
>;

/** Counts the calls of a method until it is disposed of; `instead` takes its place. */
function count(target: object, name: string, counted: () => void, instead?: (...args: never[]) => unknown) {
  const former = Object.getOwnPropertyDescriptor(target, name);
  const original = Reflect.get(target, name) as (...args: unknown[]) => unknown;
  Object.defineProperty(target, name, {
    configurable: true,
    writable: true,
    value: function (this: unknown, ...args: unknown[]) {
      counted();
      return Reflect.apply(instead ?? original, this, args);
    },
  });
  return () => {
    if (former) Object.defineProperty(target, name, former);
    else Reflect.deleteProperty(target, name);
  };
}

/** Sends samples of one device's topics to dashboards and counts what the gateway does for them. */
function run(
  options: { topics?: number; dashboards: string[][]; perFrame?: number; bytes?: number },
): Counted {
  using world = new World();
  const { topics = 1, perFrame = 1, bytes = 32 } = options;
  const device = world.openDevice(
    "pump",
    Array.from({ length: topics }, (_, i) => ({ channel: i + 1, topic: `t/${i}`, class: "state" })),
  );
  for (const patterns of options.dashboards) world.openDashboard(patterns);
  const frames = Array.from(
    { length: SAMPLES / perFrame },
    (_, f) =>
      batchFrame(Array.from({ length: perFrame }, (_, i) => {
        const turn = f * perFrame + i;
        const sequence = 1 + Math.floor(turn / topics);
        return { channel: 1 + turn % topics, sequence, payload: new Uint8Array(bytes) };
      })),
  );
  world.timers.advance(100);
  const chunk = new ChunkWriter(new Uint8Array(1_048_576));
  world.recording.state = (sample) => chunk.state(sample);
  const counted: Counted = {
    writes: 0,
    sends: 0,
    patterns: 0,
    json: 0,
    clocks: 0,
    timers: 0,
    microtasks: 0,
    views: 0,
    promises: 0,
  };
  const restore = [
    count(BatchWriter.prototype, "add", () => counted.writes++),
    count(PlayedGroup.prototype, "send", () => counted.sends++, () => []),
    count(PatternSet.prototype, "has", () => counted.patterns++),
    count(JSON, "stringify", () => counted.json++),
    count(JSON, "parse", () => counted.json++),
    count(world.timers, "nowMs", () => counted.clocks++),
    count(world.clock, "nowUs", () => counted.clocks++),
    count(performance, "now", () => counted.clocks++),
    count(Date, "now", () => counted.clocks++),
    count(world.timers, "later", () => counted.timers++),
    count(globalThis, "setTimeout", () => counted.timers++),
    count(globalThis, "queueMicrotask", () => counted.microtasks++),
    count(Uint8Array.prototype, "subarray", () => counted.views++),
    count(Uint8Array.prototype, "slice", () => counted.views++),
    count(Promise.prototype, "then", () => counted.promises++),
  ];
  try {
    frames.forEach((frame, i) => {
      device.say(frame);
      if ((i + 1) % PER_MS === 0) world.timers.advance(1);
    });
    world.timers.advance(10);
  } finally {
    for (const one of restore.reverse()) one();
  }
  assertEquals(chunk.count, SAMPLES);
  return counted;
}

const SAME = Array.from({ length: 50 }, () => ["#"]);

Deno.test("a sample is written once for all dashboards of a feed, and nothing is searched, parsed or awaited", () => {
  const { writes, patterns, json, microtasks, promises } = run({ dashboards: SAME });
  assertEquals([writes, patterns, json, microtasks, promises], [SAMPLES, 0, 0, 0, 0]);
});

Deno.test("batches and timers follow the flush interval, not the samples", () => {
  const { sends, timers } = run({ dashboards: SAME });
  const ms = SAMPLES / PER_MS + 10;
  assert(sends <= ms / 4, `${sends} batches in ${ms} ms with fifty dashboards`);
  assert(timers <= sends, `${timers} timers for ${sends} batches`);
});

Deno.test("a frame reads two clocks, whatever it holds", () => {
  const one = run({ dashboards: SAME });
  const ten = run({ dashboards: SAME, perFrame: 10 });
  const perFlush = 4;
  assert(one.clocks <= 2 * SAMPLES + perFlush * one.sends, `${one.clocks} for ${SAMPLES} frames`);
  assert(ten.clocks <= 2 * SAMPLES / 10 + perFlush * ten.sends, `${ten.clocks} for ${SAMPLES / 10} frames`);
});

Deno.test("a small payload is copied without a view, a large one with one for all who keep it", () => {
  const small = run({ dashboards: SAME, bytes: 64 });
  assert(small.views <= small.sends + GROWING, `${small.views} views for ${small.sends} batches`);
  const large = run({ dashboards: SAME, bytes: 200 });
  assert(large.views <= SAMPLES + large.sends + GROWING, `${large.views} views for ${SAMPLES} samples`);
});

Deno.test("dashboards of the same subscription, topics and others' subscriptions add nothing to a sample", () => {
  const base = run({ dashboards: [["#"]] });
  const more = run({ dashboards: [["#"], ["#"], ["#"]] });
  assertEquals({ ...more, sends: 0, timers: 0, clocks: 0 }, { ...base, sends: 0, timers: 0, clocks: 0 });
  const others = Array.from({ length: 200 }, (_, i) => [`other/${i}/#`]);
  assertEquals(run({ dashboards: [["#"], ...others] }), base);
  assertEquals(run({ dashboards: [["#"]], topics: 500 }), base);
});
