/**
 * The events of one channel that are not known to be on the gateway's disk, in order, each with its sequence
 * number.
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

/** An event with its number. */
export interface NumberedEvent {
  readonly event: QueuedEvent;
  sequence: number;
}

/** What an event counts against the byte limits. */
export function eventCost(event: QueuedEvent): number {
  return event.payload.length + OVERHEAD_BYTES;
}

/** A queue that remembers what was sent and gives it again after a connection was lost. */
export class EventQueue {
  #entries: NumberedEvent[] = [];
  #head = 0;
  #acknowledged = 0;
  #nextSequence = 1;
  /** How many from the head went out on this connection. */
  #sent = 0;
  /** How many from the head ever went out: their numbers may be on disk and name them for good. */
  #committed = 0;

  get size(): number {
    return this.#entries.length - this.#head;
  }

  push(event: QueuedEvent): void {
    this.#entries.push({ event, sequence: this.#nextSequence++ });
  }

  /** The next event to send, or undefined when all were sent or the next one is not stored yet. */
  next(): NumberedEvent | undefined {
    const entry = this.#entries[this.#head + this.#sent];
    return entry?.event.stored ? entry : undefined;
  }

  /** The event that `next` gave is on its way. */
  markSent(): void {
    this.#sent++;
    this.#committed = Math.max(this.#committed, this.#sent);
  }

  /**
   * Everything up to `sequence` is safe. What was never sent cannot be, and stays.
   *
   * @returns The events that are done with; the first `sent` of them were in flight on this connection.
   */
  acknowledge(sequence: number): { done: NumberedEvent[]; sent: number } {
    let count = 0;
    while (count < this.#committed && this.#entries[this.#head + count]!.sequence <= sequence) count++;
    const done = this.#entries.slice(this.#head, this.#head + count);
    const sent = Math.min(count, this.#sent);
    this.#acknowledged = done.at(-1)?.sequence ?? this.#acknowledged;
    this.#head += count;
    this.#sent -= sent;
    this.#committed -= count;
    this.#compact();
    return { done, sent };
  }

  /**
   * The gateway says what it has on disk; where it has more than was ever sent from here, what was not sent is
   * numbered behind it. `acknowledge` should follow.
   *
   * @returns false when it has less than it once acknowledged.
   */
  agree(last: number): boolean {
    if (last < this.#acknowledged) return false;
    const sent = this.#committed > 0 ? this.#entries[this.#head + this.#committed - 1] : undefined;
    if (last > (sent?.sequence ?? this.#acknowledged)) {
      this.#number(this.#committed, last + 1);
      if (!sent) this.#acknowledged = last;
    }
    return true;
  }

  /** The connection is gone: all that is not acknowledged is to be sent again. */
  rewind(): void {
    this.#sent = 0;
  }

  /** Numbers all events from 1, as if none had ever been sent. */
  startOver(): void {
    this.#acknowledged = 0;
    this.#sent = 0;
    this.#committed = 0;
    this.#number(0, 1);
  }

  /** Puts what an earlier run left in front; that run may have sent it. */
  restore(acknowledged: number, events: QueuedEvent[]): void {
    const restored = events.map((event) => ({ event, sequence: 0 }));
    this.#entries = [...restored, ...this.#entries.slice(this.#head)];
    this.#head = 0;
    this.#sent = 0;
    this.#acknowledged = acknowledged;
    this.#committed = events.length;
    this.#number(0, acknowledged + 1);
  }

  /** Takes the oldest event out that was never sent. Its number stays unused: the gateway tells of the gap. */
  dropOldestUnsent(): QueuedEvent | undefined {
    return this.#entries.splice(this.#head + this.#committed, 1)[0]?.event;
  }

  /** Takes out an event that was never sent, and gives its number to the next one; false when it is not there. */
  remove(event: QueuedEvent): boolean {
    const at = this.#entries.findIndex((entry) => entry.event === event);
    if (at < this.#head + this.#committed) return false;
    const [{ sequence }] = this.#entries.splice(at, 1) as [NumberedEvent];
    this.#number(at - this.#head, sequence);
    return true;
  }

  /** Takes everything out. */
  clear(): QueuedEvent[] {
    const entries = this.#entries.slice(this.#head);
    this.#entries = [];
    this.#head = 0;
    this.#sent = 0;
    this.#committed = 0;
    return entries.map((entry) => entry.event);
  }

  /** Numbers the events from the `from`th on. */
  #number(from: number, sequence: number): void {
    for (let i = this.#head + from; i < this.#entries.length; i++) this.#entries[i]!.sequence = sequence++;
    this.#nextSequence = sequence;
  }

  #compact(): void {
    if (this.#head < 256 || this.#head * 2 < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#head);
    this.#head = 0;
  }
}
