/**
 * Live samples that wait while a subscription is still reading the recording.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import type { PatternListener } from "../hub/hub.ts";
import type { PatternSet } from "../hub/pattern.ts";
import type { BorrowedSample } from "../hub/sample.ts";
import type { Topic } from "../hub/topic.ts";

/** Most bytes that wait. Beyond it the tail is given up and the recording is read once more instead. */
const MAX_TAIL_BYTES = 1_048_576;

/** Bytes of one waiting batch. */
const BATCH_BYTES = 65_536;

/** What came in while the recording was read, in order. */
export type TailItem =
  | { kind: "batch"; bytes: Uint8Array; samples: number }
  | { kind: "gap"; topic: Topic; from: number; to: number };

/** Collects the live samples of a set of patterns, bounded in bytes. */
export class Tail implements PatternListener {
  /** Whether more came than it keeps; then it keeps nothing. */
  overflowed = false;
  readonly #writer: BatchWriter;
  #items: TailItem[] = [];
  #bytes = 0;

  /**
   * @param defined Is told of topics that appear.
   */
  constructor(readonly patterns: PatternSet, feed: number, readonly defined: (topic: Topic) => void) {
    this.#writer = new BatchWriter({ maxBytes: BATCH_BYTES * 4, feed });
  }

  sample(sample: BorrowedSample): void {
    if (this.overflowed) return;
    const { topic, offset, timeUs, bytes, start, end } = sample;
    if (!this.#writer.add(topic.id, offset, timeUs, bytes, start, end)) {
      this.#cut();
      this.#writer.add(topic.id, offset, timeUs, bytes, start, end);
    } else if (this.#writer.length >= BATCH_BYTES) {
      this.#cut();
    }
    if (this.#bytes + this.#writer.length > MAX_TAIL_BYTES) {
      this.overflowed = true;
      this.#items = [];
    }
  }

  missing(topic: Topic, from: number, to: number): void {
    if (this.overflowed) return;
    this.#cut();
    this.#items.push({ kind: "gap", topic, from, to });
  }

  /** Everything collected, in order. */
  take(): TailItem[] {
    this.#cut();
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return items;
  }

  #cut(): void {
    const samples = this.#writer.count;
    if (samples === 0) return;
    this.#bytes += this.#writer.length;
    this.#items.push({ kind: "batch", bytes: this.#writer.takeCopy(), samples });
  }
}
