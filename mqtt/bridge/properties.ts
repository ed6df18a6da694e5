/**
 * The MQTT 5 properties of a topic's messages (section 2.2.2): encoded once for each topic and epoch, so that
 * only time and offset are written for each message.
 *
 * @module
 */

/** User property that names the gateway a message comes from: one that comes back to it is dropped. */
export const ORIGIN_PROPERTY = "tidegate-origin";

/** Property identifiers of MQTT 5 section 2.2.2.2. */
const PROPERTY = { messageExpiryInterval: 0x02, contentType: 0x03, userProperty: 0x26 } as const;

/** Bytes of the length of a UTF-8 string (section 1.5.4). */
const LENGTH_BYTES = 2;

const encoder = new TextEncoder();

/** What does not change from message to message. */
export interface PropertyValues {
  contentType: string;
  expiryS?: number;
  origin: string;
  epoch: string;
}

/** Writes the properties of one topic's messages. */
export class MessageProperties {
  readonly epoch: string;
  readonly contentType: string;
  /** Everything up to the value of the time. */
  readonly #head: Uint8Array;
  /** From behind the time up to the value of the offset. */
  readonly #middle: Uint8Array;

  constructor({ contentType, expiryS, origin, epoch }: PropertyValues) {
    this.epoch = epoch;
    this.contentType = contentType;
    this.#head = joined([
      [PROPERTY.contentType],
      utf8String(contentType),
      expiryS === undefined ? [] : [PROPERTY.messageExpiryInterval, ...bigEndian32(expiryS)],
      userProperty(ORIGIN_PROPERTY, origin),
      userProperty("tidegate-epoch", epoch),
      userPropertyName("tidegate-time-us"),
    ]);
    this.#middle = joined([userPropertyName("tidegate-offset")]);
  }

  /** Bytes of a message's properties, their own length left out. */
  size(timeUs: number, offset: number): number {
    return this.#head.length + LENGTH_BYTES + decimalLength(timeUs) + this.#middle.length + LENGTH_BYTES +
      decimalLength(offset);
  }

  /** Writes them to `out` from `at` on; returns the place behind. */
  write(out: Uint8Array, at: number, timeUs: number, offset: number): number {
    out.set(this.#head, at);
    at = writeDecimal(out, at + this.#head.length, timeUs);
    out.set(this.#middle, at);
    return writeDecimal(out, at + this.#middle.length, offset);
  }
}

/** A string as MQTT has it: two bytes of length, then UTF-8. */
export function utf8String(text: string): Uint8Array {
  const bytes = encoder.encode(text);
  return joined([[bytes.length >> 8, bytes.length & 0xff], bytes]);
}

function userPropertyName(name: string): Uint8Array {
  return joined([[PROPERTY.userProperty], utf8String(name)]);
}

function userProperty(name: string, value: string): Uint8Array {
  return joined([userPropertyName(name), utf8String(value)]);
}

function bigEndian32(value: number): number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
}

function joined(parts: ArrayLike<number>[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

function decimalLength(value: number): number {
  let length = 1;
  for (let limit = 10; value >= limit; limit *= 10) length++;
  return length;
}

/** Writes a whole number of at least 0 as a string of digits. */
function writeDecimal(out: Uint8Array, at: number, value: number): number {
  const length = decimalLength(value);
  out[at] = 0;
  out[at + 1] = length;
  const end = at + LENGTH_BYTES + length;
  let left = value;
  for (let i = end - 1; i >= at + LENGTH_BYTES; i--) {
    const rest = Math.floor(left / 10);
    out[i] = 0x30 + (left - rest * 10);
    left = rest;
  }
  return end;
}
