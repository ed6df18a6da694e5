/**
 * The newest sample of each topic, and nothing older: what a thinned feed or a slow peer's outbox keeps.
 *
 * @module
 */
import { copyBytes } from "../protocol/copy.ts";
import type { BorrowedSample } from "./sample.ts";
import type { Topic } from "./topic.ts";

interface Slot extends BorrowedSample {
  /** Whether it holds a sample that was not taken yet. */
  full: boolean;
}

/** Bounded by the number of topics: a topic's second sample takes the place of its first. */
export class LatestValues {
  #slots = new Map<Topic, Slot>();
  #full: Slot[] = [];

  /** Topics that have a sample waiting. */
  get size(): number {
    return this.#full.length;
  }

  /** Keeps a copy of the sample. Returns whether it took the place of one that was waiting. */
  put(sample: BorrowedSample): boolean {
    const length = sample.end - sample.start;
    let slot = this.#slots.get(sample.topic);
    if (!slot) {
      slot = { ...sample, bytes: new Uint8Array(length), full: false };
      this.#slots.set(sample.topic, slot);
    } else if (slot.bytes.length < length) {
      slot.bytes = new Uint8Array(length);
    }
    copyBytes(slot.bytes, 0, sample.bytes, sample.start, sample.end);
    slot.start = 0;
    slot.end = length;
    slot.offset = sample.offset;
    slot.timeUs = sample.timeUs;
    slot.session = sample.session;
    if (slot.full) return true;
    slot.full = true;
    this.#full.push(slot);
    return false;
  }

  /**
   * Hands out waiting samples, lent, in the order in which the topics came up, and forgets them.
   *
   * @param atMost How many; without, all of them.
   */
  drain(take: (sample: BorrowedSample) => void, atMost = Infinity): void {
    const full = this.#full;
    this.#full = full.length > atMost ? full.splice(atMost) : [];
    for (const slot of full) {
      slot.full = false;
      take(slot);
    }
  }

  /** As {@link drain}, until `take` returns false; the others go on waiting. */
  drainWhile(take: (sample: BorrowedSample) => boolean): void {
    const full = this.#full;
    let taken = 0;
    for (let more = true; more && taken < full.length; taken++) {
      const slot = full[taken]!;
      slot.full = false;
      more = take(slot);
    }
    this.#full = full.slice(taken);
  }

  /** Lends every waiting sample and keeps it. */
  each(take: (sample: BorrowedSample) => void): void {
    for (const slot of this.#full) take(slot);
  }

  /** Forgets everything. */
  clear(): void {
    for (const slot of this.#full) slot.full = false;
    this.#full = [];
  }
}
