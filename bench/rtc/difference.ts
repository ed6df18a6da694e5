/**
 * The difference between two values, as the delta benchmark sends it: rows of skipped and replaced bytes.
 *
 * @module
 */
import { writeVarint } from "../../protocol/varint.ts";

/** Equal bytes between two changes that are cheaper sent than skipped: a skip and a count take two bytes. */
const MERGE_BYTES = 2;

/** Room that the numbers of one row may take, in bytes. */
const ROW_BYTES = 8;

/**
 * What to send instead of `value` to who has `base`: for each change how many bytes to skip, how many follow, and
 * those; undefined where the whole value is shorter, or the lengths differ.
 */
export function difference(base: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  if (base.length !== value.length) return undefined;
  const out = new Uint8Array(value.length + ROW_BYTES);
  let at = 0;
  let done = 0;
  for (let i = 0; i < value.length;) {
    if (base[i] === value[i]) {
      i++;
      continue;
    }
    let end = i + 1;
    for (let j = end; j < value.length && j - end < MERGE_BYTES; j++) if (base[j] !== value[j]) end = j + 1;
    if (at + ROW_BYTES + end - i > value.length) return undefined;
    at = writeVarint(out, at, i - done);
    at = writeVarint(out, at, end - i);
    out.set(value.subarray(i, end), at);
    at += end - i;
    done = i = end;
  }
  return out.subarray(0, at);
}

/** The value that {@link difference} was made of. */
export function patched(base: Uint8Array, change: Uint8Array): Uint8Array {
  const value = base.slice();
  let at = 0;
  let place = 0;
  const number = () => {
    let result = 0;
    for (let shift = 0;; shift += 7) {
      const byte = change[at++]!;
      result |= (byte & 127) << shift;
      if (byte < 128) return result;
    }
  };
  while (at < change.length) {
    place += number();
    const count = number();
    value.set(change.subarray(at, at + count), place);
    at += count;
    place += count;
  }
  return value;
}
