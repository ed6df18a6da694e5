/**
 * Samples and channels, as a dashboard gets them.
 *
 * @module
 */
import type { ChannelAnnouncement } from "../protocol/control.ts";
import { decodeValue } from "./value.ts";

/** A topic as the gateway announced it: its class, encoding, unit, fields and whether it can be written. */
export type ChannelInfo = Readonly<ChannelAnnouncement>;

/**
 * One sample. It may be kept; its payload is a view into the message that brought it, so whoever keeps many for
 * long copies what it needs (`payload.slice()`) to let the rest of those messages go.
 */
export class Sample {
  readonly #frame: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  readonly channel: ChannelInfo;
  /** Epoch that `offset` counts in. */
  readonly epoch: string;
  /** Counts the topic's samples within its epoch, from 1. */
  readonly offset: number;
  /** Gateway time in microseconds since 1970. */
  readonly timeUs: number;
  /** Whether it comes from the recording, not from a live source. */
  readonly recorded: boolean;

  constructor(
    channel: ChannelInfo,
    epoch: string,
    offset: number,
    timeUs: number,
    recorded: boolean,
    frame: Uint8Array,
    start: number,
    end: number,
  ) {
    this.channel = channel;
    this.epoch = epoch;
    this.offset = offset;
    this.timeUs = timeUs;
    this.recorded = recorded;
    this.#frame = frame;
    this.#start = start;
    this.#end = end;
  }

  get topic(): string {
    return this.channel.topic;
  }

  /** Size of the payload in bytes. */
  get size(): number {
    return this.#end - this.#start;
  }

  /** The payload, borrowed from the message. */
  get payload(): Uint8Array {
    return this.#frame.subarray(this.#start, this.#end);
  }

  /**
   * The payload as a value, where that needs no library: numbers of f32 and f64, text of utf8, what JSON holds,
   * an object of a struct's fields; bytes for every other encoding. Decoded at each call.
   *
   * @throws {TypeError} when the payload is not what the encoding says.
   */
  get value(): unknown {
    return decodeValue(this.payload, this.channel.encoding, this.channel.fields);
  }
}
