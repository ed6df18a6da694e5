/**
 * Limits how often one address may come with credentials that are wrong.
 *
 * @module
 */
import { addressKey } from "./address.ts";

/** Wrong attempts that an address may make at once: a person's typing, or a device restarting a few times. */
export const ATTEMPTS_BURST = 10;

/** One further attempt is granted each time this many milliseconds have passed. */
export const ATTEMPT_EVERY_MS = 6_000;

/** Most addresses remembered; the one that failed longest ago goes first. */
export const MAX_ADDRESSES = 4_096;

/** A bucket of attempts for each address. */
export class FailedAttempts {
  /** When each address will have all its attempts back, in milliseconds since 1970; oldest failure first. */
  readonly #fullAt = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Addresses remembered. */
  get size(): number {
    return this.#fullAt.size;
  }

  /**
   * Counts a wrong attempt.
   *
   * @returns 0 while the address may go on, else how long it should wait, in milliseconds.
   */
  failed(remote: string): number {
    const key = addressKey(remote);
    const now = this.#now();
    const fullAt = Math.max(this.#fullAt.get(key) ?? now, now) + ATTEMPT_EVERY_MS;
    const waitMs = fullAt - now - ATTEMPTS_BURST * ATTEMPT_EVERY_MS;
    this.#fullAt.delete(key);
    // One that goes on regardless is not pushed further back: it waits one interval, not for ever.
    this.#fullAt.set(key, waitMs > 0 ? fullAt - ATTEMPT_EVERY_MS : fullAt);
    if (this.#fullAt.size > MAX_ADDRESSES) this.#fullAt.delete(this.#fullAt.keys().next().value!);
    return Math.max(0, waitMs);
  }
}
