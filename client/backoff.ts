/**
 * When to connect again.
 *
 * @module
 */

/** Bounds of the wait between attempts. */
export interface Backoff {
  /** Wait before the second attempt, in milliseconds. */
  minMs: number;
  /** No wait is longer, in milliseconds. */
  maxMs: number;
}

/**
 * Short enough that a restart of the gateway is hardly seen, long enough that ten thousand clients do not
 * stop it from starting.
 */
export const DEFAULT_BACKOFF: Backoff = { minMs: 250, maxMs: 15_000 };

/**
 * The wait before an attempt: doubles with each failure up to the bound, and lies anywhere in the upper half
 * so that clients which lost the same gateway do not come back at the same moment.
 *
 * @param failures Attempts that failed in a row, from 1.
 * @param random From 0 to 1.
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const bound = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(failures - 1, 30));
  return bound * (0.5 + random / 2);
}

/** A session that was open for this long starts over with the shortest wait; one that was not keeps backing off. */
const STABLE_AFTER_MS = 5_000;

/** Attempts to connect in a row. */
export class Attempts {
  readonly #backoff: Backoff;
  #failures = 0;

  constructor(backoff: Backoff) {
    this.#backoff = backoff;
  }

  /** Which attempt the next one is, from 1. */
  get number(): number {
    return this.#failures + 1;
  }

  /** An attempt or a session has failed; the wait before the next one, in milliseconds. `random` is from 0 to 1. */
  failed(random: number): number {
    return backoffMs(this.#backoff, ++this.#failures, random);
  }

  /** A session that was open for `openMs` is over. */
  sessionEnded(openMs: number): void {
    if (openMs >= STABLE_AFTER_MS) this.#failures = 0;
  }
}
