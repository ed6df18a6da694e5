/**
 * When to let arrivals gather. A reader that is woken for every packet spends most of its time on waking up and
 * looks busy long before it is at its limit; a network card that interrupts less often under load does the same
 * as what is decided here.
 *
 * @module
 */

/** Above this share of busy time arrivals gather. */
const BEGIN = 0.7;

/** Below this share they are read at once again; they gather longer than it takes to read them. */
const END = 0.3;

/** Length of the time over which the share is taken, in milliseconds. */
const OVER_MS = 20;

/** Shortest time from the beginning of one round of reads to the next while arrivals gather, in milliseconds. */
export const GATHER_MS = 0.25;

/** Follows how busy the generator is. */
export class Gathering {
  /** Whether rounds of reads begin at least {@link GATHER_MS} apart. */
  on = false;
  #sinceMs = 0;
  #idleMs = 0;

  /** Told at the end of each wait when it is and for how long nothing was to be done. */
  waited(nowMs: number, idleMs: number): void {
    this.#idleMs += idleMs;
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs < OVER_MS) return;
    const busy = 1 - this.#idleMs / passedMs;
    if (busy > BEGIN) this.on = true;
    else if (busy < END) this.on = false;
    this.#sinceMs = nowMs;
    this.#idleMs = 0;
  }
}
