/** Batches that leave with the next message in place of a timer, and what happens when that does not come. */
import { assert, assertEquals } from "@std/assert";
import { type Flushable, FlushScheduler, type Sent, STRAGGLERS_MS } from "../../hub/flush.ts";
import { STEADY_AFTER_MS } from "../../hub/rhythm.ts";
import { SteppedTimers } from "../support/world.ts";

const INTERVAL_MS = 4;

/** Notes when it was flushed, and for how long its oldest sample had waited. */
class Stream implements Flushable {
  readonly timers = new SteppedTimers();
  flushedMs: number[] = [];
  waitedMs: number[] = [];
  armed = 0;
  /** Timers that have not fired. */
  waiting = 0;
  readonly #scheduler: FlushScheduler;
  #oldestMs: number | undefined;

  constructor() {
    const later = this.timers.later.bind(this.timers);
    this.timers.later = (task, ms) => {
      this.armed++;
      this.waiting++;
      return later(() => {
        this.waiting--;
        task();
      }, ms);
    };
    this.#scheduler = new FlushScheduler({
      maxIntervalMs: INTERVAL_MS,
      withMessages: true,
      timers: this.timers,
    });
  }

  flush(sent: Sent): void {
    this.flushedMs.push(this.timers.ms);
    this.waitedMs.push(this.timers.ms - this.#oldestMs!);
    this.#oldestMs = undefined;
    sent.messages += 1_000;
  }

  /** A message with a sample, after so many milliseconds. */
  message(afterMs: number): void {
    this.timers.advance(afterMs);
    if (this.#oldestMs === undefined) {
      this.#oldestMs = this.timers.ms;
      this.#scheduler.mark(this);
    }
    this.#scheduler.arrived(this.timers.ms);
    this.timers.advance(0);
  }

  /** Messages for so long, one each `everyMs`; then forgets what was noted. */
  run(ms: number, everyMs: number): void {
    for (const end = this.timers.ms + ms; this.timers.ms < end;) this.message(everyMs);
    this.flushedMs = [];
    this.waitedMs = [];
    this.armed = 0;
  }
}

function steady(everyMs: number): Stream {
  const stream = new Stream();
  stream.run(2 * STEADY_AFTER_MS, everyMs);
  return stream;
}

Deno.test("batches of a steady stream leave with messages, and one timer watches over many of them", () => {
  const stream = steady(1);
  for (let ms = 0; ms < 400; ms++) stream.message(1);
  assert(Math.abs(stream.flushedMs.length - 400 / INTERVAL_MS) <= 1, `${stream.flushedMs.length} batches`);
  assert(stream.armed <= 400 / STRAGGLERS_MS, `${stream.armed} timers`);
});

Deno.test("the interval is right on average, though messages do not come when a batch is due", () => {
  for (const everyMs of [0.75, 1.5, 2.5]) {
    const stream = steady(everyMs);
    for (let i = 0; i < 1_000; i++) stream.message(everyMs);
    const intervalMs = (stream.flushedMs.at(-1)! - stream.flushedMs[0]!) / (stream.flushedMs.length - 1);
    assert(Math.abs(intervalMs - INTERVAL_MS) < 0.3, `${intervalMs} ms with a message each ${everyMs}`);
  }
});

Deno.test("when a steady stream stops, its last samples leave a little later and nothing waits for ever", () => {
  const stream = steady(1);
  for (let i = 0; i < 2; i++) stream.message(1);
  const lastMs = stream.timers.ms;
  stream.timers.advance(1_000);
  const [waitedMs] = stream.waitedMs.slice(-1);
  assert(stream.flushedMs.at(-1)! <= lastMs + INTERVAL_MS + STRAGGLERS_MS, `${stream.flushedMs.at(-1)}`);
  assert(waitedMs! <= INTERVAL_MS + STRAGGLERS_MS, `${waitedMs} ms`);
  assertEquals(stream.waiting, 0);
});

Deno.test("bursts are no steady stream: their last samples wait for the interval and no longer", () => {
  const stream = new Stream();
  for (let burst = 0; burst < 100; burst++) {
    for (let i = 0; i < 10; i++) stream.message(1);
    stream.timers.advance(15);
  }
  assert(Math.max(...stream.waitedMs) <= INTERVAL_MS, `${Math.max(...stream.waitedMs)} ms`);
});

Deno.test("a short pause now and then leaves a stream steady, a long one does not", () => {
  const stream = steady(1);
  stream.message(INTERVAL_MS + 2);
  stream.run(100, 1);
  for (let ms = 0; ms < 100; ms++) stream.message(1);
  assert(stream.armed <= 100 / STRAGGLERS_MS, `${stream.armed} timers after a short pause`);
  stream.message(100);
  stream.armed = 0;
  for (let ms = 0; ms < 100; ms++) stream.message(1);
  assert(stream.armed >= 100 / INTERVAL_MS - 1, `${stream.armed} timers after a long one`);
});
