/**
 * Samples of one topic side by side in columns: what a block is made from and what it decodes to.
 *
 * @module
 */
import { copyBytes } from "../protocol/copy.ts";

const FIRST_CAPACITY = 16;

function grown<T extends Float64Array | Uint32Array | Uint8Array>(
  make: new (length: number) => T,
  from: T,
  needed: number,
): T {
  const next = new make(Math.max(needed, from.length * 2));
  next.set(from);
  return next;
}

/** A growable list of samples. The payload of sample `i` is `bytes[start(i), ends[i])`. */
export class Columns {
  count = 0;
  /** Bytes of all payloads. */
  size = 0;
  offsets: Float64Array;
  timesUs: Float64Array;
  sessions: Float64Array;
  /** Where each payload ends in `bytes`; it starts where the one before ends. */
  ends: Uint32Array;
  bytes: Uint8Array;

  constructor(capacity: number = FIRST_CAPACITY, bytes: number = FIRST_CAPACITY * 16) {
    this.offsets = new Float64Array(capacity);
    this.timesUs = new Float64Array(capacity);
    this.sessions = new Float64Array(capacity);
    this.ends = new Uint32Array(capacity);
    this.bytes = new Uint8Array(bytes);
  }

  /** Where the payload of sample `i` starts. */
  start(i: number): number {
    return i === 0 ? 0 : this.ends[i - 1]!;
  }

  /** Payload of sample `i`, as a view. */
  payload(i: number): Uint8Array {
    return this.bytes.subarray(this.start(i), this.ends[i]!);
  }

  /** Offset of the last sample; there must be one. */
  get lastOffset(): number {
    return this.offsets[this.count - 1]!;
  }

  /** Appends a sample; copies the payload `bytes[start, end)`. */
  push(
    offset: number,
    timeUs: number,
    session: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const i = this.count;
    if (i === this.offsets.length) this.#growRows();
    const size = this.size + end - start;
    if (size > this.bytes.length) this.bytes = grown(Uint8Array, this.bytes, size);
    this.offsets[i] = offset;
    this.timesUs[i] = timeUs;
    this.sessions[i] = session;
    this.ends[i] = size;
    copyBytes(this.bytes, this.size, bytes, start, end);
    this.size = size;
    this.count = i + 1;
  }

  /** Appends samples `from` to `to` (not included) of `other`. */
  append(other: Columns, from: number = 0, to: number = other.count): void {
    for (let i = from; i < to; i++) {
      this.push(
        other.offsets[i]!,
        other.timesUs[i]!,
        other.sessions[i]!,
        other.bytes,
        other.start(i),
        other.ends[i]!,
      );
    }
  }

  /** Forgets the samples and keeps the room. */
  clear(): void {
    this.count = 0;
    this.size = 0;
  }

  /** Index of the first sample whose offset is above `offset`; `count` when there is none. */
  after(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.offsets[middle]! > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #growRows(): void {
    const needed = this.count + 1;
    this.offsets = grown(Float64Array, this.offsets, needed);
    this.timesUs = grown(Float64Array, this.timesUs, needed);
    this.sessions = grown(Float64Array, this.sessions, needed);
    this.ends = grown(Uint32Array, this.ends, needed);
  }
}
