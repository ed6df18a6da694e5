/**
 * Whether messages come so steadily that the next one can be relied on, in place of a timer.
 *
 * @module
 */

/** Messages are steady once they have come without a pause for so long, in milliseconds. */
export const STEADY_AFTER_MS = 250;

/** More than this is not saved up: whoever stops is forgotten as soon as he was silent for a while. */
const MAX_STEADY_MS = 500;

/** A pause takes off so many times its length: a few milliseconds now and then do no harm, bursts are never steady. */
const PAUSE_COST = 16;

/** Follows when messages come. */
export class Rhythm {
  #lastMs = -Infinity;
  #steadyMs = 0;

  /** A message came. A gap above `pauseMs` is a pause. */
  beat(nowMs: number, pauseMs: number): void {
    const gapMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    this.#steadyMs = gapMs <= pauseMs
      ? Math.min(MAX_STEADY_MS, this.#steadyMs + gapMs)
      : Math.max(0, this.#steadyMs - PAUSE_COST * gapMs);
  }

  /** Whether the next message can be expected within `pauseMs`. */
  steady(nowMs: number, pauseMs: number): boolean {
    return this.#steadyMs >= STEADY_AFTER_MS && nowMs - this.#lastMs <= pauseMs;
  }
}
