/**
 * Time that the test moves.
 *
 * @module
 */

import { TimerQueue } from "../support/timer_queue.ts";

/** A clock and timers that stand still until told otherwise. */
export class FakeTime {
  /** 2026-01-01T00:00:00Z. */
  us = 1_767_225_600_000_000;
  readonly #queue = new TimerQueue();

  readonly nowUs = (): number => this.us;

  readonly timer = (callback: () => void, delayMs: number): () => void => {
    return this.#queue.add(this.us + Math.max(0, delayMs) * 1000, callback);
  };

  /** Timers that wait. */
  get pending(): number {
    return this.#queue.size;
  }

  /** Moves time forward, running what falls due in order, with all promises settled in between. */
  async advance(ms: number): Promise<void> {
    const end = this.us + ms * 1000;
    await settle();
    for (let due = this.#queue.take(end); due; due = this.#queue.take(end)) {
      this.us = Math.max(this.us, Math.round(due.at));
      due.task();
      await settle();
    }
    this.us = end;
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
