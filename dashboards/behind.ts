/**
 * A subscription whose peer is behind: newest values wait in an outbox, events are read from the recording, and the two
 * share the line, on which newer values may always wait.
 *
 * @module
 */
import type { Outbox } from "./outbox.ts";

/** While newer values always wait, events are read this often, in milliseconds. */
const READ_EVERY_MS = 250;

/** State that could take the state lane waits for so long at most for events to be read, in milliseconds. */
const YIELD_MS = 500;

/** What is kept while it is behind. */
export class Behind {
  readonly at = "behind";
  /** Events are being read. */
  reading = false;
  /** When that began last. */
  #readMs = -Infinity;
  /** State has left the last room to the events. */
  #yielded = false;
  /** There was no room for what waits. */
  #heldUp = false;

  /** @param feed Number that its batches carry. */
  constructor(readonly outbox: Outbox, readonly feed: number) {}

  /** There is no room now. */
  heldUp(): void {
    if (!this.outbox.empty) this.#heldUp = true;
  }

  /** Whether the line has taken all that waited since this was asked last, each time that it was offered. */
  carried(): boolean {
    const carried = this.outbox.empty && !this.#heldUp;
    this.#heldUp = false;
    return carried;
  }

  /** Events begin to be read. */
  reads(nowMs: number): void {
    this.reading = true;
    this.#readMs = nowMs;
  }

  /**
   * Whether events have waited long enough for newest values that do not end; before the lane is taken they
   * come first.
   */
  eventsDue(nowMs: number, laneUp: boolean): boolean {
    if (this.reading || !this.outbox.missedEvents || !this.outbox.announcedAll) return false;
    return laneUp || nowMs - this.#readMs >= READ_EVERY_MS;
  }

  /**
   * Whether the room that there is now is the events': each other time, and all of it for a moment where the lane takes
   * the state next.
   *
   * @param awaited Somebody waits for the room.
   */
  yields(nowMs: number, laneUp: boolean, awaited: boolean): boolean {
    if (!this.reading) return false;
    if (laneUp && nowMs - this.#readMs < YIELD_MS) return true;
    this.#yielded = awaited && !this.#yielded;
    return this.#yielded;
  }
}
