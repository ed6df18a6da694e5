import { assert, assertEquals } from "@std/assert";
import {
  type Flushable,
  FlushScheduler,
  type FlushTimers,
  SENDS_PER_MS,
  type Sent,
} from "../../hub/flush.ts";

/** A clock that the test moves, and timers that fire late. */
class LateTimers implements FlushTimers {
  ms = 1_000;
  asked: number[] = [];
  #turn: (() => void)[] = [];
  #timer: { task: () => void; at: number } | undefined;

  constructor(readonly lateMs = 0) {}

  nowMs(): number {
    return this.ms;
  }

  endOfTurn(task: () => void): void {
    this.#turn.push(task);
  }

  later(task: () => void, ms: number): () => void {
    this.asked.push(ms);
    this.#timer = { task, at: this.ms + ms + this.lateMs };
    return () => this.#timer = undefined;
  }

  endTurn(): void {
    for (const task of this.#turn.splice(0)) task();
  }

  /** Goes to when the timer fires and returns that moment. */
  fire(): number {
    const timer = this.#timer!;
    this.#timer = undefined;
    this.ms = Math.max(this.ms, timer.at);
    timer.task();
    return this.ms;
  }
}

class Target implements Flushable {
  flushes = 0;
  constructor(readonly receivers: number, readonly bytes = 100) {}
  flush(sent: Sent): void {
    this.flushes++;
    sent.messages += this.receivers;
    sent.bytes += this.receivers * this.bytes;
  }
}

function flushedOnce(receivers: number, lateMs = 0, maxIntervalMs = 4, bytes = 100) {
  const timers = new LateTimers(lateMs);
  const scheduler = new FlushScheduler({ maxIntervalMs, timers });
  const target = new Target(receivers, bytes);
  scheduler.mark(target);
  timers.endTurn();
  assertEquals(target.flushes, 1, "the first sample after silence goes at the end of its turn");
  return { timers, scheduler, target };
}

Deno.test("flush waits as long as its receivers need, between one millisecond and the longest wait", () => {
  for (const [receivers, ms] of [[0, 1], [1, 1], [10, 1], [2.5 * SENDS_PER_MS, 2.5], [1_000, 4]] as const) {
    const { timers, scheduler, target } = flushedOnce(receivers);
    scheduler.mark(target);
    assertEquals(timers.asked, [ms], `${receivers} receivers`);
    assertEquals(timers.fire(), 1_000 + ms);
    assertEquals(target.flushes, 2);
  }
});

Deno.test("flush keeps batches for less time when each fills a packet", () => {
  const { timers, scheduler, target } = flushedOnce(1_000, 0, 5, 3_000);
  scheduler.mark(target);
  assertEquals(timers.asked, [4]);
});

Deno.test("flush with no longest wait leaves in the turn of every sample", () => {
  const { timers, scheduler, target } = flushedOnce(50, 0, 0);
  scheduler.mark(target);
  timers.endTurn();
  assertEquals([target.flushes, timers.asked], [2, []]);
});

Deno.test("flush learns how late the timers are, and asks for less", () => {
  const { timers, scheduler, target } = flushedOnce(50, 1.25);
  let last = timers.ms;
  let interval = 0;
  for (let i = 0; i < 60; i++) {
    scheduler.mark(target);
    const now = timers.fire();
    interval = now - last;
    last = now;
  }
  assert(Math.abs(interval - 4) < 0.01, `interval ${interval} ms`);
});

Deno.test("flush takes a busy second for no habit of the timers", () => {
  const { timers, scheduler, target } = flushedOnce(50);
  scheduler.mark(target);
  timers.ms += 1_000;
  timers.fire();
  scheduler.mark(target);
  assert(timers.asked[1]! >= 3.75, `asked for ${timers.asked[1]} ms`);
});

Deno.test("flush serves all that is dirty and what marks itself meanwhile the next time", () => {
  const { timers, scheduler } = flushedOnce(1);
  const again = new Target(1);
  const one: Flushable = {
    flush: (sent) => {
      scheduler.mark(again);
      sent.messages++;
    },
  };
  const two = new Target(1);
  scheduler.mark(one);
  scheduler.mark(two);
  timers.fire();
  assertEquals([two.flushes, again.flushes], [1, 0]);
  timers.fire();
  assertEquals(again.flushes, 1);
});
