/**
 * The summary of a block is a block itself, of at most three samples: those with the least and the greatest
 * first number, and the last one. A chart of a long time is drawn from summaries without unpacking the blocks,
 * and the newest value of a topic is found without unpacking its last one.
 *
 * @module
 */
import { encodeBlock } from "./block.ts";
import { Columns } from "./columns.ts";
import type { NumberOf } from "./numbers.ts";

/** Larger payloads are not summed up: the summary would be no smaller than the block. */
const MAX_PAYLOAD_BYTES = 512;

/** Fewer samples are read as fast as their summary. */
const MIN_SAMPLES = 8;

/** Indexes of the samples with the least and the greatest number in `[from, to)`, or -1 where none has one. */
export function extremes(
  columns: Columns,
  from: number,
  to: number,
  number: NumberOf,
): { least: number; greatest: number } {
  let least = -1;
  let greatest = -1;
  let low = Infinity;
  let high = -Infinity;
  for (let i = from; i < to; i++) {
    const value = number(columns.bytes, columns.start(i), columns.ends[i]!);
    if (value < low || (least < 0 && value === low)) {
      low = value;
      least = i;
    }
    if (value > high || (greatest < 0 && value === high)) {
      high = value;
      greatest = i;
    }
  }
  return { least, greatest };
}

/** Sums up samples `from` to `to` (not included), or null where that does not pay. */
export function summarize(columns: Columns, from: number, to: number, number: NumberOf): Uint8Array | null {
  if (to - from < MIN_SAMPLES) return null;
  const { least, greatest } = extremes(columns, from, to, number);
  const picked = [...new Set([least, greatest, to - 1])].filter((i) => i >= 0).sort((a, b) => a - b);
  if (picked.some((i) => columns.ends[i]! - columns.start(i) > MAX_PAYLOAD_BYTES)) return null;
  const summary = new Columns(3, 64);
  for (const i of picked) summary.append(columns, i, i + 1);
  return encodeBlock(summary);
}
