/**
 * Counts of times, so that every delivery is timed without keeping its time.
 *
 * @module
 */

/** Width of a bucket, in milliseconds. */
const STEP_MS = 0.02;

/** Longer times count as this many buckets: 10 s. */
const BUCKETS = 500_000;

/** Times in milliseconds. */
export class Histogram {
  count = 0;
  max = 0;
  #buckets = new Uint32Array(BUCKETS);

  /** Counts one time. */
  add(ms: number): void {
    const at = Math.min(BUCKETS - 1, Math.max(0, Math.floor(ms / STEP_MS)));
    this.#buckets[at]!++;
    this.count++;
    if (ms > this.max) this.max = ms;
  }

  /** The time below which the share `q` of all lies; 0 when there are none. */
  quantile(q: number): number {
    let left = this.count * q;
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.#buckets[i]!;
      if (left < 0) return (i + 0.5) * STEP_MS;
    }
    return this.max;
  }
}
