/**
 * The two frames of the state lane, where messages may be lost, repeated and overtake one another.
 *
 * ```text
 * state       byte 0x03
 *             varint   number of the message, from 1
 *             then, until the message ends, sections (none is a heartbeat):
 *               varint   length of the section
 *               bytes    a batch frame
 *
 * confirm     byte 0x04
 *             varint   highest number received
 *             varint   microseconds for which the receiver has held that news back
 *             bytes    bit map, at most 32 bytes: bit j of byte i, lowest first, is number highest − 1 − (8i + j)
 * ```
 *
 * @module
 */
import { FRAME } from "./batch.ts";
import { CLOSE } from "./close_codes.ts";
import { ProtocolError } from "./errors.ts";
import { CONFIRM_WINDOW } from "./limits.ts";
import { Cursor, MAX_VARINT_BYTES, writeVarint } from "./varint.ts";

/** Bytes of the largest bit map. */
const MAX_MAP_BYTES = (CONFIRM_WINDOW - 1) / 8;

function open(frame: Uint8Array, kind: number, name: string): Cursor {
  if (frame[0] !== kind) {
    throw new ProtocolError(
      CLOSE.badFrame,
      `frame kind ${frame[0] ?? "(empty message)"} is not a ${name} (${kind})`,
    );
  }
  return new Cursor(frame, 1);
}

function messageNumber(cursor: Cursor): number {
  const number = cursor.varint();
  if (number === 0) throw new ProtocolError(CLOSE.badFrame, "message number 0: they count from 1");
  return number;
}

/**
 * Reads a state frame: calls `section` with each batch frame in it, borrowed, and the message's number.
 *
 * @returns the message's number.
 * @throws {ProtocolError} with `bad_frame` when it is not a state frame or a section reaches past its end.
 */
export function readState(frame: Uint8Array, section: (batch: Uint8Array, number: number) => void): number {
  const cursor = open(frame, FRAME.state, "state frame");
  const number = messageNumber(cursor);
  while (cursor.at < cursor.end) {
    const length = cursor.varint();
    const end = cursor.at + length;
    if (end > cursor.end) {
      throw new ProtocolError(
        CLOSE.badFrame,
        `section of ${length} bytes reaches ${end - cursor.end} bytes past the end of the state frame`,
      );
    }
    section(frame.subarray(cursor.at, end), number);
    cursor.at = end;
  }
  return number;
}

/** What a confirmation says. */
export interface Confirmation {
  /** Highest number received. */
  highest: number;
  /** Microseconds from its arrival to this confirmation. */
  heldUs: number;
  /** Bit j of byte i is number highest − 1 − (8i + j). */
  map: Uint8Array;
}

/** Encodes a confirmation; zero bytes at the end of the map are left out. */
export function encodeConfirmation({ highest, heldUs, map }: Confirmation): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(1 + 2 * MAX_VARINT_BYTES + map.length);
  bytes[0] = FRAME.confirm;
  let at = writeVarint(bytes, 1, highest);
  at = writeVarint(bytes, at, heldUs);
  let used = map.length;
  while (used > 0 && map[used - 1] === 0) used--;
  bytes.set(map.subarray(0, used), at);
  return bytes.slice(0, at + used);
}

/**
 * Decodes a confirmation; `map` is borrowed from the frame.
 *
 * @throws {ProtocolError} with `bad_frame` when it is not one, is cut short, or its map is too long.
 */
export function decodeConfirmation(frame: Uint8Array): Confirmation {
  const cursor = open(frame, FRAME.confirm, "confirmation");
  const highest = messageNumber(cursor);
  const heldUs = cursor.varint();
  const map = frame.subarray(cursor.at);
  if (map.length > MAX_MAP_BYTES) {
    throw new ProtocolError(
      CLOSE.badFrame,
      `confirmation map of ${map.length} bytes is above the limit of ${MAX_MAP_BYTES}`,
    );
  }
  return { highest, heldUs, map };
}

/** Calls `each` with every number that a confirmation confirms, the highest first. */
export function confirmedNumbers({ highest, map }: Confirmation, each: (number: number) => void): void {
  each(highest);
  for (let i = 0; i < map.length; i++) {
    const byte = map[i]!;
    if (byte === 0) continue;
    for (let j = 0; j < 8; j++) {
      const number = highest - 1 - (8 * i + j);
      if ((byte & (1 << j)) !== 0 && number > 0) each(number);
    }
  }
}
