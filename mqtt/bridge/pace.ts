/**
 * So many a second, in short runs.
 *
 * @module
 */

/** A pause is no shorter than this, in milliseconds. */
const MIN_PAUSE_MS = 5;

/** Runs a second. */
const RUNS_PER_S = 100;

/** Spreads work over time. */
export class Pace {
  #left: number;
  #run: number;
  #until: number;

  constructor(readonly perSecond: number) {
    this.#run = Math.max(1, Math.ceil(perSecond / RUNS_PER_S));
    this.#left = this.#run;
    this.#until = performance.now() + this.#run * 1_000 / perSecond;
  }

  /** Whether the run is over; counts one more. */
  exhausted(): boolean {
    return this.#left-- <= 0;
  }

  /** Waits for the next run. */
  async wait(): Promise<void> {
    const pause = this.#until - performance.now();
    if (pause > 0) await new Promise((go) => setTimeout(go, Math.max(MIN_PAUSE_MS, pause)));
    const now = performance.now();
    // Timers are coarse: what they were late by is made up for, up to one run.
    const late = Math.min(now - this.#until, this.#run * 1_000 / this.perSecond);
    this.#until = now - Math.max(0, late) + this.#run * 1_000 / this.perSecond;
    this.#left = this.#run - 1;
  }
}
