/**
 * The newest samples of one stream on the state lane, and the order in which they go out: each channel once a round,
 * and before the others where its last message was lost.
 *
 * @module
 */
import { BatchWriter, MAX_RECORD_OVERHEAD_BYTES } from "./batch.ts";
import { type SlotHistory, worth } from "./difference_history.ts";
import { MAX_STATE_PAYLOAD_BYTES } from "./limits.ts";

/** Most bytes of a message: one large sample with its headers. */
export const MAX_BYTES = MAX_STATE_PAYLOAD_BYTES + 2 * MAX_RECORD_OVERHEAD_BYTES;

/** The newest sample of one channel, and what is known of its way. */
export interface StateSlot {
  readonly stream: StateStream;
  readonly channel: number;
  offset: number;
  timeUs: number;
  /** Payload is `bytes[0, length)`. */
  bytes: Uint8Array;
  length: number;
  /** Waits to be sent. */
  queued: boolean;
  /** The receiver has this very sample. */
  confirmed: boolean;
  /** Number of the last message that carried a sample of it. */
  message: number;
  /** Waits to go the other way too. */
  doubled: boolean;
  /** Places in the queue that are its own no more, since it was moved to the front. */
  voids: number;
  /** Of the lane's differences; undefined while none was tried. */
  history: SlotHistory | undefined;
}

/** Samples with one feed number; a device has a single stream with feed 0. */
export class StateStream {
  /** Samples that a newer one replaced before they were sent, while the stream waited for its turn. */
  skippedByRate = 0;
  /** The same while the lane was busy. */
  conflated = 0;
  /** Samples that went out, those that went again included. */
  sent = 0;
  /** Bytes of what waits to be sent that differences could spare at best. */
  spareBytes = 0;
  open = true;
  /** Channels whose newest sample is to go another way too; undefined while the lane is enough. */
  #double: StateSlot[] | undefined;
  readonly writer: BatchWriter;
  readonly #slots = new Map<number, StateSlot>();
  #waiting: StateSlot[] = [];
  #ready: StateSlot[] = [];
  #head = 0;
  #turnMs = -Infinity;
  /** How many at the head of the queue were moved there. */
  #promoted = 0;

  readonly intervalMs: number;

  /** @param intervalMs Shortest time between two turns; a turn has at most one sample of each channel. */
  constructor(feed: number, intervalMs: number) {
    this.intervalMs = intervalMs;
    this.writer = new BatchWriter({ maxBytes: MAX_BYTES, feed });
  }

  /** Keeps a copy of the newest sample of a channel. */
  put(
    channel: number,
    offset: number,
    timeUs: number,
    bytes: Uint8Array,
    start = 0,
    end: number = bytes.length,
  ): void {
    const length = end - start;
    let slot = this.#slots.get(channel);
    if (!slot) {
      slot = {
        stream: this,
        channel,
        offset,
        timeUs,
        bytes: new Uint8Array(Math.max(16, length)),
        length,
        queued: false,
        confirmed: false,
        message: 0,
        doubled: false,
        voids: 0,
        history: undefined,
      };
      this.#slots.set(channel, slot);
    } else if (slot.bytes.length < length) {
      slot.bytes = new Uint8Array(length);
    }
    this.spareBytes += worth(length) - (slot.queued ? worth(slot.length) : 0);
    slot.bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    slot.length = length;
    slot.offset = offset;
    slot.timeUs = timeUs;
    slot.confirmed = false;
    if (this.#double) this.#doubleLater(slot);
    if (!slot.queued) {
      slot.queued = true;
      this.#waiting.push(slot);
    } else if (this.intervalMs > 0) this.skippedByRate++;
    else this.conflated++;
  }

  /** From here on {@link takeDoubles} has what the receiver is not known to have, or no more. */
  set doubling(on: boolean) {
    if (on === (this.#double !== undefined)) return;
    for (const slot of this.#double ?? []) slot.doubled = false;
    this.#double = on ? [] : undefined;
    if (on) { for (const slot of this.#slots.values()) if (!slot.confirmed) this.#doubleLater(slot); }
  }

  get doubling(): boolean {
    return this.#double !== undefined;
  }

  /** Newest samples that were put, or became doubtful, since this was called last, and are still not confirmed. */
  takeDoubles(): Readonly<StateSlot>[] {
    const doubles = this.#double;
    if (!doubles || doubles.length === 0) return [];
    this.#double = [];
    for (const slot of doubles) slot.doubled = false;
    return doubles.filter(({ confirmed }) => !confirmed);
  }

  #doubleLater(slot: StateSlot): void {
    if (slot.doubled) return;
    slot.doubled = true;
    this.#double?.push(slot);
  }

  /** Every newest sample that the receiver is not known to have. */
  *unconfirmed(): Generator<Readonly<StateSlot>> {
    for (const slot of this.#slots.values()) if (!slot.confirmed) yield slot;
  }

  /** When it has something to send: a time not above now, later, or Infinity. */
  dueMs(): number {
    if (this.#head < this.#ready.length) return -Infinity;
    return this.#waiting.length > 0 ? this.#turnMs + this.intervalMs : Infinity;
  }

  /** The next sample to send, which stays in its place until {@link taken}. */
  peek(nowMs: number): StateSlot | undefined {
    for (;;) {
      if (this.#head >= this.#ready.length) {
        if (this.#waiting.length === 0 || nowMs < this.#turnMs + this.intervalMs) return undefined;
        this.#ready = this.#waiting;
        this.#head = 0;
        this.#waiting = [];
        this.#turnMs = nowMs;
      }
      const slot = this.#ready[this.#head]!;
      if (slot.voids === 0 || (slot.queued && this.#promoted > 0)) return slot;
      slot.voids--;
      this.#head++;
    }
  }

  /** The sample that `peek` returned is in a message. */
  taken(slot: StateSlot, message: number): void {
    this.#head++;
    if (this.#promoted > 0) this.#promoted--;
    this.sent++;
    this.spareBytes -= worth(slot.length);
    slot.queued = false;
    slot.message = message;
  }

  /** A message is lost: of its channels those that nothing newer has gone out for are sent again, at once. */
  again(slot: StateSlot, message: number): boolean {
    if (slot.message !== message || slot.confirmed) return false;
    if (slot.queued) slot.voids++; // a newer sample waits already, further behind
    else this.spareBytes += worth(slot.length);
    slot.queued = true;
    // before the others: on a busy lane a round of all channels takes long, and this one has missed its turn
    if (this.#head > 0) this.#ready[--this.#head] = slot;
    else this.#ready.unshift(slot);
    this.#promoted++;
    return true;
  }
}
