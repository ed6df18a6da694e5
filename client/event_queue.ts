/**
 * The events of one channel that are not known to be on the gateway's disk, in order. Sequence numbers follow
 * from the place in the queue, so they are consecutive whatever is dropped before it was sent.
 *
 * @module
 */

/** What an event costs of the limits beside its payload: the most that a record's header takes. */
const OVERHEAD_BYTES = 48;

/** One event that waits. */
export interface QueuedEvent {
  /** Microseconds; by the gateway's clock, or by our own when `local`. */
  readonly timeUs: number;
  readonly local: boolean;
  readonly payload: Uint8Array;
  /** Whether the storage has it; it is not sent before. */
  stored: boolean;
  /** Tells the publisher; the event is on disk under this sequence. */
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: Error) => void;
}

/** What an event counts against the byte limits. */
export function eventCost(event: QueuedEvent): number {
  return event.payload.length + OVERHEAD_BYTES;
}

/** A queue that remembers what was sent and gives it again after a connection was lost. */
export class EventQueue {
  #events: QueuedEvent[] = [];
  #head = 0;
  #firstSequence: number;
  /** How many from the head went out on this connection. */
  #sent = 0;
  /** How many from the head ever went out: their sequence numbers may be on disk and name them for good. */
  #committed = 0;

  /** `acknowledged` is the last sequence that is known to be safe. */
  constructor(acknowledged = 0) {
    this.#firstSequence = acknowledged + 1;
  }

  get size(): number {
    return this.#events.length - this.#head;
  }

  /** Sequence of the oldest event that waits. */
  get firstSequence(): number {
    return this.#firstSequence;
  }

  /** Events sent on this connection and not acknowledged. */
  get inFlight(): number {
    return this.#sent;
  }

  /** Whether a sequence number of this queue was ever used. */
  get used(): boolean {
    return this.#committed > 0 || this.#firstSequence > 1;
  }

  push(event: QueuedEvent): void {
    this.#events.push(event);
  }

  /** The next event to send, or undefined when all were sent or the next one is not stored yet. */
  next(): QueuedEvent | undefined {
    const event = this.#events[this.#head + this.#sent];
    return event?.stored ? event : undefined;
  }

  /** Marks the event that `next` gave as sent; returns its sequence. */
  markSent(): number {
    const sequence = this.#firstSequence + this.#sent;
    this.#sent++;
    this.#committed = Math.max(this.#committed, this.#sent);
    return sequence;
  }

  /**
   * Everything up to `sequence` is safe. What was never sent cannot be: a number beyond is cut.
   *
   * @returns The events that are done with; `sent` of them were in flight on this connection.
   */
  acknowledge(sequence: number): { events: QueuedEvent[]; first: number; sent: number } {
    const first = this.#firstSequence;
    const count = Math.max(0, Math.min(sequence - first + 1, this.#committed));
    const events = this.#events.slice(this.#head, this.#head + count);
    const sent = Math.min(count, this.#sent);
    this.#head += count;
    this.#firstSequence += count;
    this.#sent -= sent;
    this.#committed -= count;
    this.#compact();
    return { events, first, sent };
  }

  /** The connection is gone: all that is not acknowledged is to be sent again. */
  rewind(): void {
    this.#sent = 0;
  }

  /** Numbers the events anew, the first one behind `acknowledged`. */
  renumber(acknowledged: number): void {
    this.#firstSequence = acknowledged + 1;
    this.#sent = 0;
    this.#committed = 0;
  }

  /** Puts what an earlier run left in front; that run may have sent it. */
  restore(acknowledged: number, events: QueuedEvent[]): void {
    this.#events = [...events, ...this.#events.slice(this.#head)];
    this.#head = 0;
    this.#firstSequence = acknowledged + 1;
    this.#sent = 0;
    this.#committed = events.length;
  }

  /** Takes the oldest event out that was never sent; those behind it move up. */
  dropOldestUnsent(): QueuedEvent | undefined {
    return this.#events.splice(this.#head + this.#committed, 1)[0];
  }

  /** Takes out an event that was never sent; false when it is not there. */
  remove(event: QueuedEvent): boolean {
    const at = this.#events.indexOf(event, this.#head + this.#committed);
    if (at >= 0) this.#events.splice(at, 1);
    return at >= 0;
  }

  /** Takes everything out. */
  clear(): QueuedEvent[] {
    const events = this.#events.slice(this.#head);
    this.#events = [];
    this.#head = 0;
    this.#sent = 0;
    this.#committed = 0;
    return events;
  }

  #compact(): void {
    if (this.#head < 256 || this.#head * 2 < this.#events.length) return;
    this.#events = this.#events.slice(this.#head);
    this.#head = 0;
  }
}
