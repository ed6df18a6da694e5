/**
 * Unsigned LEB128 integers up to 2^53 - 1, the field type of every binary frame.
 *
 * The common case (below 2^28) uses 32-bit arithmetic; what is larger falls back to division, since bit
 * operators would cut it to 32 bits.
 *
 * @module
 */
import { CLOSE } from "./close_codes.ts";
import { ProtocolError } from "./errors.ts";

/** Most bytes of one varint: 2^53 - 1 takes eight. */
export const MAX_VARINT_BYTES = 8;

const LARGE = 0x10000000;

/** How many bytes `value` takes. */
export function varintLength(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < LARGE) return 4;
  let length = 4;
  for (let rest = Math.floor(value / LARGE); rest > 0; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Writes `value` at `at` and returns the position behind it. The caller has made sure of the room. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  while (value >= LARGE) {
    bytes[at++] = (value % 0x80) | 0x80;
    value = Math.floor(value / 0x80);
  }
  while (value >= 0x80) {
    bytes[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  bytes[at++] = value;
  return at;
}

/** A signed number as an unsigned one, small for small magnitudes: 0, -1, 1, -2 become 0, 1, 2, 3. */
export function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

/** The inverse of {@link zigzag}. */
export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/**
 * A position in a frame that reads forward. `end` bounds it; reading past it throws a {@link ProtocolError}.
 */
export class Cursor {
  bytes: Uint8Array;
  at: number;
  end: number;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  /** Reads one varint. */
  varint(): number {
    const bytes = this.bytes;
    let at = this.at;
    if (at < this.end) {
      const first = bytes[at]!;
      if (first < 0x80) {
        this.at = at + 1;
        return first;
      }
    }
    let value = 0;
    let scale = 1;
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      if (at >= this.end) {
        throw new ProtocolError(
          CLOSE.badFrame,
          `frame of ${this.end} bytes ends inside the number at byte ${this.at}`,
        );
      }
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 0) {
          throw new ProtocolError(CLOSE.badFrame, `number at byte ${this.at} is longer than it needs to be`);
        }
        if (value > Number.MAX_SAFE_INTEGER) break;
        this.at = at;
        return value;
      }
      scale *= 0x80;
    }
    throw new ProtocolError(CLOSE.badFrame, `number at byte ${this.at} is above the limit of 2^53 - 1`);
  }
}
