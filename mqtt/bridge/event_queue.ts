/**
 * Live events that wait for their turn, bounded in bytes: what does not fit is on record.
 *
 * @module
 */
import type { BorrowedSample } from "../../hub/sample.ts";
import type { OutgoingEvent } from "./outgoing_event.ts";

/** What an event costs in the queue beside its payload, in bytes. */
const ITEM_BYTES = 256;

/** Taken events that may stay in front before the queue is cut, so that taking one costs nothing. */
const MAX_TAKEN = 1_024;

/** Events in the order in which they came. */
export class EventQueue {
  /** Whether something did not fit: from then on nothing is taken, lest a topic has a hole. */
  overflowed = false;
  #events: OutgoingEvent[] = [];
  #head = 0;
  #bytes = 0;

  constructor(readonly maxBytes: number) {}

  get empty(): boolean {
    return this.#head === this.#events.length;
  }

  /** Keeps a copy. One that does not fit empties the queue. */
  put({ topic, offset, timeUs, bytes, start, end }: BorrowedSample): void {
    if (this.overflowed) return;
    this.#bytes += end - start + ITEM_BYTES;
    if (this.#bytes > this.maxBytes) {
      this.reset();
      this.overflowed = true;
      return;
    }
    const copy = bytes.slice(start, end);
    this.#events.push({ topic, epoch: topic.epoch, offset, timeUs, bytes: copy, start: 0, end: end - start });
  }

  /** Takes the oldest one. */
  take(): OutgoingEvent | undefined {
    const event = this.#events[this.#head];
    if (!event) return undefined;
    this.#bytes -= event.end + ITEM_BYTES;
    this.#head++;
    if (this.#head === this.#events.length || this.#head > MAX_TAKEN) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return event;
  }

  /** Offset of the newest event that waits, per topic id. */
  newest(): Map<number, number> {
    const newest = new Map<number, number>();
    for (let i = this.#head; i < this.#events.length; i++) {
      const { topic, offset } = this.#events[i]!;
      newest.set(topic.id, offset);
    }
    return newest;
  }

  /** Forgets everything. */
  reset(): void {
    this.#events = [];
    this.#head = 0;
    this.#bytes = 0;
    this.overflowed = false;
  }
}
