/**
 * The batch frame: many samples across channels in one binary message.
 *
 * ```text
 * byte 0      0x01, the frame's kind
 * byte 1      flags: bit 0 "from the recording", bit 1 "differences" (difference_sender.ts); the others are 0
 * byte 2–9    base time, microseconds, unsigned 64-bit little-endian; 0 = "stamp on arrival"
 * varint      feed: 0 from a device; to a dashboard the number that `subscribed` named
 * then, until the message ends, one record a sample:
 *   varint    channel
 *   varint    sequence (from a device) or offset (from the gateway)
 *   varint    time of the sample minus the base time, zigzag
 *   varint    length of the payload in bytes
 *   bytes     payload
 * ```
 *
 * @module
 */
import { CLOSE } from "./close_codes.ts";
import { copyBytes } from "./copy.ts";
import { ProtocolError } from "./errors.ts";
import { MAX_PAYLOAD_BYTES, MAX_SEQUENCE } from "./limits.ts";
import { Cursor, unzigzag, varintLength, writeVarint, zigzag } from "./varint.ts";

/** First byte of each kind of binary frame. */
export const FRAME = { batch: 0x01, ack: 0x02, state: 0x03, confirm: 0x04 } as const;

/** Flag bit: the samples come from the recording, not from a live source. */
export const FLAG_RECORDED = 0x01;

/** Flag bit: payloads may be differences, which only a state lane carries whose receiver asked for them. */
export const FLAG_DIFFERENCES = 0x02;

/** Bytes before the feed number. */
const FIXED_HEADER_BYTES = 10;

/** Most bytes that a batch's header and one record's header take beside the payload. */
export const MAX_RECORD_OVERHEAD_BYTES = 48;

const EMPTY = new Uint8Array(0);

/** First size of a writer's buffer. */
const FIRST_BYTES = 4_096;

/**
 * Builds batch frames in a buffer that it owns and uses again.
 *
 * @example
 * ```ts
 * import { BatchReader, BatchWriter } from "./batch.ts";
 *
 * const writer = new BatchWriter({ maxBytes: 1100 });
 * writer.add(1, 1, 1_700_000_000_000_000, new Uint8Array([42]));
 * const reader = new BatchReader();
 * reader.open(writer.takeCopy());
 * reader.next(); // true
 * reader.channel; // 1
 * ```
 */
export class BatchWriter {
  /** Samples in the open batch. */
  count = 0;
  /** Length of the open batch in bytes; 0 while it has no sample. */
  length = 0;
  /** Most bytes of a batch; may be changed while `count` is 0. */
  maxBytes: number;
  /** Goes into each header; may be changed while `count` is 0. */
  feed: number;
  /** Goes into each header; may be changed while `count` is 0. */
  flags: number;
  #buffer: Uint8Array;
  #view: DataView;
  #baseUs = 0;

  /** `maxBytes` bounds every batch that comes out; `feed` and `recorded` go into each header. */
  constructor(options: { maxBytes: number; feed?: number; recorded?: boolean }) {
    this.maxBytes = options.maxBytes;
    this.feed = options.feed ?? 0;
    this.flags = options.recorded ? FLAG_RECORDED : 0;
    // Most sessions never send a batch down to their device: the buffer comes with the first sample.
    this.#buffer = EMPTY;
    this.#view = new DataView(EMPTY.buffer);
  }

  /**
   * Appends a sample. Copies the payload, so `bytes` may be borrowed. Whole microseconds are written.
   *
   * @returns false, with nothing changed, when the batch cannot hold it: it would grow past `maxBytes`, or the
   * time cannot be told from the batch's base time. Take the batch and add again. When `count` was 0, the sample
   * is above `maxBytes` or {@link MAX_PAYLOAD_BYTES} by itself and no batch can hold it.
   * @throws {RangeError} when a number is negative, not a number, or above 2^53 - 1.
   */
  add(
    channel: number,
    sequence: number,
    timeUs: number,
    bytes: Uint8Array,
    start = 0,
    end: number = bytes.length,
  ): boolean {
    if (
      !(channel >= 0 && sequence >= 0 && sequence <= MAX_SEQUENCE && timeUs >= 0 && timeUs <= MAX_SEQUENCE)
    ) {
      throw new RangeError(
        `channel ${channel}, sequence ${sequence} and time ${timeUs} must be from 0 to ${MAX_SEQUENCE}`,
      );
    }
    const size = end - start;
    const empty = this.count === 0;
    timeUs = Math.floor(timeUs);
    // A base time of 0 says "stamp on arrival" for the whole batch, and a zigzag delta reaches only half the range.
    if (!empty && this.#baseUs === 0 && timeUs !== 0) return false;
    const delta = empty ? 0 : zigzag(timeUs - this.#baseUs);
    if (delta > MAX_SEQUENCE || size > MAX_PAYLOAD_BYTES) return false;
    const from = empty ? FIXED_HEADER_BYTES + varintLength(this.feed) : this.length;
    const total = from + varintLength(channel) + varintLength(sequence) + varintLength(delta) +
      varintLength(size) + size;
    if (total > this.maxBytes) return false;
    if (total > this.#buffer.length) this.#grow(total);
    if (empty) this.#header(timeUs);
    const buffer = this.#buffer;
    let at = writeVarint(buffer, from, channel);
    at = writeVarint(buffer, at, sequence);
    at = writeVarint(buffer, at, delta);
    at = writeVarint(buffer, at, size);
    copyBytes(buffer, at, bytes, start, end);
    this.length = total;
    this.count++;
    return true;
  }

  /** The batch as a view into the writer's own buffer, valid until the next `add`; starts a new batch. */
  takeBorrowed(): Uint8Array {
    const frame = this.#buffer.subarray(0, this.length);
    this.length = 0;
    this.count = 0;
    return frame;
  }

  /** The batch as a copy that may be queued; starts a new batch. */
  takeCopy(): Uint8Array<ArrayBuffer> {
    const frame = this.#buffer.slice(0, this.length) as Uint8Array<ArrayBuffer>;
    this.length = 0;
    this.count = 0;
    return frame;
  }

  #header(timeUs: number): void {
    this.#baseUs = timeUs;
    this.#buffer[0] = FRAME.batch;
    this.#buffer[1] = this.flags;
    this.#view.setUint32(2, timeUs % 0x100000000, true);
    this.#view.setUint32(6, Math.floor(timeUs / 0x100000000), true);
    writeVarint(this.#buffer, FIXED_HEADER_BYTES, this.feed);
  }

  #grow(needed: number): void {
    const next = new Uint8Array(
      Math.min(this.maxBytes, Math.max(needed, this.#buffer.length * 2, FIRST_BYTES)),
    );
    next.set(this.#buffer.subarray(0, this.length));
    this.#buffer = next;
    this.#view = new DataView(next.buffer);
  }
}

/**
 * Walks the samples of a batch frame without allocating: `next()` moves on, the fields hold the sample.
 * Payloads are `bytes[start, end)`, borrowed from the frame.
 */
export class BatchReader {
  /** Frame being read. */
  bytes: Uint8Array = new Uint8Array(0);
  feed = 0;
  /** Whether the samples come from the recording. */
  recorded = false;
  /** Base time in microseconds; 0 asks the gateway to stamp the samples on arrival. */
  baseUs = 0;
  channel = 0;
  sequence = 0;
  /** Sample's time in microseconds; 0 when the base time is 0. */
  timeUs = 0;
  /** Where the payload starts in `bytes`. */
  start = 0;
  /** Where the payload ends in `bytes`. */
  end = 0;
  #cursor = new Cursor(this.bytes);

  /**
   * Starts on a frame; `allowed` are the flags that it may have.
   *
   * @throws {ProtocolError} with `bad_frame` when the header is not a batch's.
   */
  open(frame: Uint8Array, allowed: number = FLAG_RECORDED): void {
    if (frame.length <= FIXED_HEADER_BYTES) {
      throw new ProtocolError(
        CLOSE.badFrame,
        `batch of ${frame.length} bytes is shorter than its header of ${FIXED_HEADER_BYTES + 1}`,
      );
    }
    if (frame[0] !== FRAME.batch) {
      throw new ProtocolError(CLOSE.badFrame, `frame kind ${frame[0]} is not a batch (${FRAME.batch})`);
    }
    const flags = frame[1]!;
    if ((flags & ~allowed) !== 0) {
      throw new ProtocolError(
        CLOSE.badFrame,
        `batch flags ${flags} have bits set that do not belong here, where ${allowed} are allowed`,
      );
    }
    const low = (frame[2]! | (frame[3]! << 8) | (frame[4]! << 16) | (frame[5]! << 24)) >>> 0;
    const high = (frame[6]! | (frame[7]! << 8) | (frame[8]! << 16) | (frame[9]! << 24)) >>> 0;
    if (high > 0x1fffff) {
      throw new ProtocolError(CLOSE.badFrame, `batch base time is above the limit of 2^53 - 1 microseconds`);
    }
    this.bytes = frame;
    this.recorded = (flags & FLAG_RECORDED) !== 0;
    this.baseUs = high * 0x100000000 + low;
    const cursor = this.#cursor;
    cursor.bytes = frame;
    cursor.at = FIXED_HEADER_BYTES;
    cursor.end = frame.length;
    this.feed = cursor.varint();
  }

  /**
   * Moves to the next sample.
   *
   * @returns false at the end of the frame.
   * @throws {ProtocolError} with `bad_frame` when the record is cut short or a number is out of range.
   */
  next(): boolean {
    const cursor = this.#cursor;
    if (cursor.at >= cursor.end) return false;
    this.channel = cursor.varint();
    this.sequence = cursor.varint();
    const delta = unzigzag(cursor.varint());
    const size = cursor.varint();
    if (size > MAX_PAYLOAD_BYTES) {
      throw new ProtocolError(
        CLOSE.badFrame,
        `payload of ${size} bytes on channel ${this.channel} is above the limit of ${MAX_PAYLOAD_BYTES}`,
      );
    }
    const end = cursor.at + size;
    if (end > cursor.end) {
      throw new ProtocolError(
        CLOSE.badFrame,
        `payload of ${size} bytes on channel ${this.channel} reaches ${
          end - cursor.end
        } bytes past the end of the frame`,
      );
    }
    const time = this.baseUs === 0 ? 0 : this.baseUs + delta;
    if (time < 0 || time > Number.MAX_SAFE_INTEGER) {
      throw new ProtocolError(CLOSE.badFrame, `time ${time} on channel ${this.channel} is out of range`);
    }
    this.timeUs = time;
    this.start = cursor.at;
    this.end = end;
    cursor.at = end;
    return true;
  }
}
