/**
 * The layout in which samples go from the stream to the disk: as they come, all topics mixed, one after the
 * other in a buffer that is handed to the writer whole.
 *
 * ```text
 * varint          topic x 2, + 1 for an event
 * varint          offset
 * zigzag varint   time minus that of the sample before (the first: minus 0), microseconds
 * varint          session
 * byte, bytes     length of the producer's name in UTF-8, and the name   (events)
 * varint          sequence                                               (events)
 * varint          length of the payload
 * bytes           payload
 * ```
 *
 * @module
 */
import type { BorrowedSample } from "../hub/sample.ts";
import { copyBytes } from "../protocol/copy.ts";
import { Cursor, MAX_VARINT_BYTES, unzigzag, writeVarint, zigzag } from "../protocol/varint.ts";

/** Longest producer name in UTF-8 bytes; `hello` lets through 64 characters. */
const MAX_PRODUCER_BYTES = 255;

/** Bytes that a record takes at most beside the payload. */
export const MAX_CHUNK_OVERHEAD_BYTES = 6 * MAX_VARINT_BYTES + 1 + MAX_PRODUCER_BYTES;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Fills one buffer. */
export class ChunkWriter {
  /** Bytes used. */
  length = 0;
  /** Samples in it. */
  count = 0;
  /** Events among them. */
  events = 0;
  minUs = Infinity;
  maxUs = 0;
  #previousUs = 0;

  constructor(readonly bytes: Uint8Array<ArrayBuffer>) {}

  /** Appends a state sample. @returns false, with nothing changed, when it does not fit any more. */
  state(sample: BorrowedSample): boolean {
    const { bytes, start, end } = sample;
    const size = end - start;
    if (this.length + MAX_CHUNK_OVERHEAD_BYTES + size > this.bytes.length) return false;
    const at = this.#head(sample, 0);
    this.#payload(at, bytes, start, end);
    return true;
  }

  /** Appends an event sample. @returns false, with nothing changed, when it does not fit any more. */
  event(sample: BorrowedSample, producer: string, sequence: number): boolean {
    const { bytes, start, end } = sample;
    const size = end - start;
    if (this.length + MAX_CHUNK_OVERHEAD_BYTES + size > this.bytes.length) return false;
    let at = this.#head(sample, 1);
    const name = encoder.encodeInto(producer, this.bytes.subarray(at + 1, at + 1 + MAX_PRODUCER_BYTES));
    this.bytes[at] = name.written;
    at = writeVarint(this.bytes, at + 1 + name.written, sequence);
    this.#payload(at, bytes, start, end);
    this.events++;
    return true;
  }

  #head(sample: BorrowedSample, event: number): number {
    const target = this.bytes;
    const timeUs = sample.timeUs;
    let at = writeVarint(target, this.length, sample.topic.id * 2 + event);
    at = writeVarint(target, at, sample.offset);
    at = writeVarint(target, at, zigzag(timeUs - this.#previousUs));
    this.#previousUs = timeUs;
    if (timeUs < this.minUs) this.minUs = timeUs;
    if (timeUs > this.maxUs) this.maxUs = timeUs;
    return writeVarint(target, at, sample.session);
  }

  #payload(at: number, bytes: Uint8Array, start: number, end: number): void {
    const to = writeVarint(this.bytes, at, end - start);
    copyBytes(this.bytes, to, bytes, start, end);
    this.length = to + end - start;
    this.count++;
  }
}

/** Walks the samples of a chunk without allocating: `next()` moves on, the fields hold the sample. */
export class ChunkReader {
  readonly bytes: Uint8Array;
  topic = 0;
  isEvent = false;
  offset = 0;
  timeUs = 0;
  session = 0;
  /** Position in the sequence of `producer`, for events. */
  sequence = 0;
  /** The payload is `bytes[start, end)`. */
  start = 0;
  end = 0;
  #producerAt = 0;
  #cursor: Cursor;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#cursor = new Cursor(bytes);
  }

  /** Name of the producer, for events. */
  get producer(): string {
    const at = this.#producerAt;
    return decoder.decode(this.bytes.subarray(at + 1, at + 1 + this.bytes[at]!));
  }

  /** Moves to the next sample. @returns false at the end. */
  next(): boolean {
    const cursor = this.#cursor;
    if (cursor.at >= cursor.end) return false;
    const head = cursor.varint();
    this.isEvent = head % 2 === 1;
    this.topic = (head - head % 2) / 2;
    this.offset = cursor.varint();
    this.timeUs += unzigzag(cursor.varint());
    this.session = cursor.varint();
    if (this.isEvent) {
      this.#producerAt = cursor.at;
      cursor.at += 1 + this.bytes[cursor.at]!;
      this.sequence = cursor.varint();
    }
    const size = cursor.varint();
    this.start = cursor.at;
    this.end = cursor.at += size;
    return true;
  }
}
