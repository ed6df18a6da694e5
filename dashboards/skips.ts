/**
 * Counts what a subscription was spared, by reason.
 *
 * @module
 */
import type { Tally } from "../hub/tally.ts";

/** State samples left out, by why: the peer asked for fewer, or newer ones came while the way to it was busy. */
export type SkipCounts = {
  rate: number;
  conflated: number;
  stale: number;
};

/** What the stream in use has left out so far. */
export interface Skipped {
  rate?: number;
  conflated?: number;
}

/** One subscription's count, over all the streams that it has used. */
export class Skips {
  readonly #past: SkipCounts = { rate: 0, conflated: 0, stale: 0 };
  #told = 0;
  #tallied = 0;

  /** @param busy What a sample is counted as that a newer one replaced because the way was busy. */
  constructor(readonly tally: Tally, readonly busy: "conflated" | "stale") {}

  /** Adds what a stream that is over has left out. */
  add({ rate = 0, conflated = 0 }: Skipped): void {
    this.#past.rate += rate;
    this.#past[this.busy] += conflated;
    this.tally.drop(this.busy, conflated);
  }

  /** The counts with those of the stream in use, where they have changed since they were told last. */
  news({ rate = 0, conflated = 0 }: Skipped): SkipCounts | undefined {
    const counts = { ...this.#past };
    counts.rate += rate;
    counts[this.busy] += conflated;
    this.#tallyRate(counts.rate);
    const total = counts.rate + counts.conflated + counts.stale;
    if (total === this.#told) return undefined;
    this.#told = total;
    return counts;
  }

  /** The subscription is over. */
  end(): void {
    this.#tallyRate(this.#past.rate);
  }

  #tallyRate(total: number): void {
    this.tally.drop("rate", total - this.#tallied);
    this.#tallied = total;
  }
}
