/**
 * The queue between a subscription and its iterator: bounded in bytes. A newer sample of a state topic takes
 * the place of the one that waits; event samples all wait, and the queue says when it holds enough.
 *
 * @module
 */
import type { Sample } from "./sample.ts";

/** Bytes that a queued sample takes beside its payload, roughly. */
const OVERHEAD_BYTES = 96;

interface Slot {
  sample: Sample;
}

/** Samples that wait for a reader. */
export class SampleQueue {
  /** State samples that were replaced before they were read. */
  conflated = 0;
  bytes = 0;
  #slots: Slot[] = [];
  #head = 0;
  #newest = new Map<string, Slot>();

  readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Whether no more event samples should come. */
  get full(): boolean {
    return this.bytes >= this.maxBytes;
  }

  /** Whether there is room again for a good while. */
  get drained(): boolean {
    return this.bytes <= this.maxBytes / 2;
  }

  /** Takes a sample in. */
  push(sample: Sample): void {
    const state = sample.channel.class === "state";
    const waiting = state ? this.#newest.get(sample.topic) : undefined;
    if (waiting) {
      this.bytes += sample.size - waiting.sample.size;
      waiting.sample = sample;
      this.conflated++;
      return;
    }
    const slot = { sample };
    this.#slots.push(slot);
    this.bytes += sample.size + OVERHEAD_BYTES;
    if (state) this.#newest.set(sample.topic, slot);
  }

  /** Gives the oldest out. */
  shift(): Sample | undefined {
    const slot = this.#slots[this.#head];
    if (!slot) return undefined;
    this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
    const { sample } = slot;
    this.bytes -= sample.size + OVERHEAD_BYTES;
    if (this.#newest.get(sample.topic) === slot) this.#newest.delete(sample.topic);
    return sample;
  }
}
