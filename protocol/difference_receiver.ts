/**
 * The receiving end of differences on the state lane: keeps the values that it was told to, and makes whole batches of
 * those with differences. What is written of it in {@link "./difference_sender.ts"} holds here.
 *
 * @module
 */
import { BatchReader, BatchWriter, FLAG_DIFFERENCES, FRAME } from "./batch.ts";
import { CLOSE } from "./close_codes.ts";
import { applyDifference } from "./difference.ts";
import { ProtocolError } from "./errors.ts";
import {
  KEPT_OVERHEAD_BYTES,
  KEPT_VALUES,
  MAX_MESSAGE_BYTES,
  MAX_STATE_PAYLOAD_BYTES,
  MAX_UNPACKED_BYTES,
} from "./limits.ts";
import { Cursor } from "./varint.ts";

/** More than was announced is kept, since messages overtake one another and the sender counts in its own order. */
const MARGIN = 1.25;

/** A value that may be a baseline. */
interface KeptValue {
  feed: number;
  channel: number;
  message: number;
  bytes: Uint8Array;
}

/** Whether a section of a state frame is a batch with differences. */
export function hasDifferences(section: Uint8Array): boolean {
  return section[0] === FRAME.batch && ((section[1] ?? 0) & FLAG_DIFFERENCES) !== 0;
}

/** Makes batches of whole values. */
export class DifferenceReceiver {
  /** Differences that were left out, since their baseline is not here. */
  missing = 0;
  /** Bytes that are kept, each value with {@link KEPT_OVERHEAD_BYTES}. */
  heldBytes = 0;
  readonly #maxBytes: number;
  /** Kept values by feed and channel, those of a channel with the oldest message first. */
  readonly #feeds = new Map<number, Map<number, KeptValue[]>>();
  /** All of them, as they came. */
  readonly #order = new Set<KeptValue>();
  readonly #reader = new BatchReader();
  readonly #cursor = new Cursor(new Uint8Array(0));
  readonly #writer = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES });
  readonly #value = new Uint8Array(MAX_STATE_PAYLOAD_BYTES);
  #unpackedBytes = 0;

  /** @param keptBytes What the sender was told that we keep. */
  constructor(keptBytes: number) {
    this.#maxBytes = keptBytes * MARGIN;
  }

  /** Another message begins: {@link MAX_UNPACKED_BYTES} is of each one. */
  begin(): void {
    this.#unpackedBytes = 0;
  }

  /**
   * Hands the section's samples to `place` as batches of whole values, which are not written to again: samples of the
   * SDK are views of them.
   *
   * @param message Number of the message that it is in.
   * @returns false when a difference was left out, or `place` returned false.
   * @throws {ProtocolError} with `bad_frame` when the section or a difference is wrong, `limit_exceeded` when the
   * values of the message come to more than a message may hold.
   */
  unpack(section: Uint8Array, message: number, place: (batch: Uint8Array) => boolean): boolean {
    const reader = this.#reader;
    const writer = this.#writer;
    reader.open(section, FLAG_DIFFERENCES);
    writer.takeBorrowed(); // a faulty section may have left some
    writer.feed = reader.feed;
    let complete = true;
    while (reader.next()) {
      const value = this.#whole(message);
      if (!value) {
        this.missing++;
        complete = false;
      } else if (!writer.add(reader.channel, reader.sequence, reader.timeUs, value)) {
        complete = place(writer.takeCopy()) && complete;
        writer.add(reader.channel, reader.sequence, reader.timeUs, value);
      }
    }
    return (writer.count === 0 || place(writer.takeCopy())) && complete;
  }

  /** The value of the record that was read, borrowed; undefined when its baseline is not here. */
  #whole(message: number): Uint8Array | undefined {
    const { bytes, start, end, feed, channel } = this.#reader;
    const cursor = this.#cursor;
    cursor.bytes = bytes;
    cursor.at = start;
    cursor.end = end;
    const head = cursor.varint();
    const back = Math.floor(head / 2);
    if (back >= message) {
      throw new ProtocolError(
        CLOSE.badFrame,
        `message ${message} names a baseline ${back} messages before it`,
      );
    }
    const value = back === 0 ? this.#copy() : this.#patched(this.#kept(feed, channel, message - back));
    if (!value) return undefined;
    this.#unpackedBytes += value.length;
    if (this.#unpackedBytes > MAX_UNPACKED_BYTES) {
      throw new ProtocolError(
        CLOSE.limitExceeded,
        `values of ${this.#unpackedBytes} bytes in message ${message} are above the limit of ${MAX_UNPACKED_BYTES}`,
      );
    }
    if (head % 2 === 1) this.#keep(feed, channel, message, value);
    return value;
  }

  #copy(): Uint8Array {
    const { bytes, at, end } = this.#cursor;
    if (end - at <= MAX_STATE_PAYLOAD_BYTES) return bytes.subarray(at, end);
    throw new ProtocolError(
      CLOSE.badFrame,
      `value of ${end - at} bytes on the state lane is above the limit of ${MAX_STATE_PAYLOAD_BYTES}`,
    );
  }

  #patched(base: Uint8Array | undefined): Uint8Array | undefined {
    if (!base) return undefined;
    const value = this.#value.subarray(0, base.length);
    applyDifference(base, this.#cursor, value);
    return value;
  }

  #kept(feed: number, channel: number, message: number): Uint8Array | undefined {
    return this.#feeds.get(feed)?.get(channel)?.find((one) => one.message === message)?.bytes;
  }

  #keep(feed: number, channel: number, message: number, value: Uint8Array): void {
    let channels = this.#feeds.get(feed);
    if (!channels) this.#feeds.set(feed, channels = new Map());
    let among = channels.get(channel);
    if (!among) channels.set(channel, among = []);
    const behind = among.findLastIndex((one) => one.message <= message);
    if (among[behind]?.message === message) return; // it came twice
    const one: KeptValue = { feed, channel, message, bytes: value.slice() };
    among.splice(behind + 1, 0, one);
    this.#order.add(one);
    this.heldBytes += value.length + KEPT_OVERHEAD_BYTES;
    if (among.length > KEPT_VALUES) this.#drop(among[0]!);
    for (const old of this.#order) {
      if (this.heldBytes <= this.#maxBytes) break;
      this.#drop(old);
    }
  }

  #drop(one: KeptValue): void {
    this.#order.delete(one);
    this.heldBytes -= one.bytes.length + KEPT_OVERHEAD_BYTES;
    const channels = this.#feeds.get(one.feed);
    const among = channels?.get(one.channel);
    among?.splice(among.indexOf(one), 1);
    if (among?.length === 0) channels?.delete(one.channel);
    if (channels?.size === 0) this.#feeds.delete(one.feed);
  }
}
