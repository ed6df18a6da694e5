/**
 * The difference between two values of the same length, on the state lane: rows of bytes that replace those of the
 * baseline.
 *
 * ```text
 * then, until the difference ends, one row a change (none: the value is the baseline):
 *   varint   bytes to leave as they are, from the end of the former row
 *   varint   bytes that are replaced, at least 1
 *   bytes    those
 * ```
 *
 * @module
 */
import { CLOSE } from "./close_codes.ts";
import { ProtocolError } from "./errors.ts";
import { type Cursor, varintLength, writeVarint } from "./varint.ts";

/** So many equal bytes between two changes are cheaper skipped than sent: the two numbers of a row take two bytes. */
const SKIP_BYTES = 2;

/** Rows are mostly of a few bytes, which a loop copies faster than the call into `set`. */
function copy(from: Uint8Array, start: number, count: number, to: Uint8Array, at: number): void {
  for (let i = 0; i < count; i++) to[at + i] = from[start + i]!;
}

/** The first two bytes of `value` at or behind `from` that are as in `base`, or its end. */
function endOfRow(base: Uint8Array, value: Uint8Array, length: number, from: number): number {
  let end = from;
  for (let i = from; i < length && i - end < SKIP_BYTES; i++) if (base[i] !== value[i]) end = i + 1;
  return end;
}

/**
 * Writes into `out[at, end)` what makes `value[0, length)` of `base`, which is as long.
 *
 * @returns the position behind it, or undefined when it does not fit.
 */
export function writeDifference(
  out: Uint8Array,
  at: number,
  end: number,
  base: Uint8Array,
  value: Uint8Array,
  length: number,
): number | undefined {
  let done = 0;
  for (let i = 0; i < length;) {
    if (base[i] === value[i]) {
      i++;
      continue;
    }
    const row = endOfRow(base, value, length, i);
    const count = row - i;
    if (at + varintLength(i - done) + varintLength(count) + count > end) return undefined;
    at = writeVarint(out, at, i - done);
    at = writeVarint(out, at, count);
    copy(value, i, count, out, at);
    at += count;
    i = done = row;
  }
  return at;
}

/**
 * Writes the value that a difference makes of `base` into `out`, which has room for it. `cursor` stands at the
 * first row, and its end is the difference's.
 *
 * @throws {ProtocolError} with `bad_frame` when a row is cut short, replaces nothing or reaches past the baseline.
 */
export function applyDifference(base: Uint8Array, cursor: Cursor, out: Uint8Array): void {
  out.set(base);
  let place = 0;
  while (cursor.at < cursor.end) {
    place += cursor.varint();
    const count = cursor.varint();
    if (count === 0) throw new ProtocolError(CLOSE.badFrame, "a row of a difference that replaces nothing");
    if (count > cursor.end - cursor.at) {
      throw new ProtocolError(
        CLOSE.badFrame,
        `a row of ${count} bytes reaches ${count - (cursor.end - cursor.at)} past the end of its difference`,
      );
    }
    if (place + count > base.length) {
      throw new ProtocolError(
        CLOSE.badFrame,
        `a row that ends at byte ${place + count} is outside its baseline of ${base.length} bytes`,
      );
    }
    copy(cursor.bytes, cursor.at, count, out, place);
    cursor.at += count;
    place += count;
  }
}
