/**
 * Thins out a series: least and greatest of each bucket of time, or Largest-Triangle-Three-Buckets
 * (S. Steinarsson, 2013) over points chosen that way.
 *
 * @module
 */
import type { Columns } from "./columns.ts";
import type { NumberOf } from "./numbers.ts";
import { extremes } from "./summary.ts";

/** A sample chosen for a series. */
export interface Pick {
  epoch: string;
  offset: number;
  timeUs: number;
  payload: Uint8Array;
  /** The number that it was chosen by, NaN where it has none. */
  number: number;
}

/** Copies a sample out of its columns. */
export function pick(epoch: string, columns: Columns, i: number, number: number): Pick {
  return {
    epoch,
    offset: columns.offsets[i]!,
    timeUs: columns.timesUs[i]!,
    payload: columns.payload(i).slice(),
    number,
  };
}

function numberAt(columns: Columns, i: number, number: NumberOf): number {
  return number(columns.bytes, columns.start(i), columns.ends[i]!);
}

interface Bucket {
  least: Pick;
  greatest: Pick;
}

/** Keeps the least and the greatest sample of each of `count` equal stretches of time. */
export class MinMaxBuckets {
  #buckets: (Bucket | undefined)[];

  constructor(private readonly span: { fromUs: number; toUs: number }, count: number) {
    this.#buckets = new Array(count);
  }

  #index(timeUs: number): number {
    const { fromUs, toUs } = this.span;
    const count = this.#buckets.length;
    return Math.min(count - 1, Math.max(0, Math.floor((timeUs - fromUs) / (toUs - fromUs + 1) * count)));
  }

  /** Whether both times fall into one bucket. */
  sameBucket(fromUs: number, toUs: number): boolean {
    return this.#index(fromUs) === this.#index(toUs);
  }

  /**
   * Takes samples `from` to `to` (not included) into account. One without a number stands for its bucket only
   * where there is none with one.
   */
  add(epoch: string, columns: Columns, from: number, to: number, number: NumberOf): void {
    const { timesUs } = columns;
    for (let i = from; i < to;) {
      const at = this.#index(timesUs[i]!);
      const endUs = this.#end(at);
      let end = i + 1;
      while (end < to && timesUs[end]! < endUs && timesUs[end]! >= timesUs[end - 1]!) end++;
      const { least, greatest } = extremes(columns, i, end, number);
      if (least < 0) this.#put(at, pick(epoch, columns, i, NaN));
      else {
        this.#put(at, pick(epoch, columns, least, numberAt(columns, least, number)));
        if (greatest !== least) {
          this.#put(at, pick(epoch, columns, greatest, numberAt(columns, greatest, number)));
        }
      }
      i = end;
    }
  }

  /** A time up to which all behind the bucket's own samples surely belong to it. */
  #end(at: number): number {
    const { fromUs, toUs } = this.span;
    const count = this.#buckets.length;
    return at === count - 1 ? Infinity : Math.floor(fromUs + (at + 1) * (toUs - fromUs + 1) / count) - 1;
  }

  #put(at: number, picked: Pick): void {
    const bucket = this.#buckets[at];
    if (!bucket || (Number.isNaN(bucket.least.number) && !Number.isNaN(picked.number))) {
      this.#buckets[at] = { least: picked, greatest: picked };
      return;
    }
    if (picked.number < bucket.least.number) bucket.least = picked;
    if (picked.number > bucket.greatest.number) bucket.greatest = picked;
  }

  /** What was chosen, in order of time. */
  picks(): Pick[] {
    const result: Pick[] = [];
    for (const bucket of this.#buckets) {
      if (!bucket) continue;
      const { least, greatest } = bucket;
      if (least === greatest) result.push(least);
      else result.push(...(least.timeUs <= greatest.timeUs ? [least, greatest] : [greatest, least]));
    }
    return result;
  }
}

/** Keeps `count` of the points, among them the first and the last, such that the line's shape is kept. */
export function lttb(points: Pick[], count: number): Pick[] {
  if (points.length <= count || count < 3) return points.slice(0, count);
  const result: Pick[] = [points[0]!];
  const size = (points.length - 2) / (count - 2);
  let last = points[0]!;
  for (let b = 0; b < count - 2; b++) {
    const from = Math.floor(b * size) + 1;
    const to = Math.floor((b + 1) * size) + 1;
    const next = average(points, to, Math.min(points.length, Math.floor((b + 2) * size) + 1));
    last = farthest(points, from, to, last, next);
    result.push(last);
  }
  result.push(points.at(-1)!);
  return result;
}

function average(points: Pick[], from: number, to: number): { timeUs: number; number: number } {
  let timeUs = 0;
  let number = 0;
  for (let i = from; i < to; i++) {
    timeUs += points[i]!.timeUs;
    number += points[i]!.number || 0;
  }
  const count = Math.max(1, to - from);
  return { timeUs: timeUs / count, number: number / count };
}

/** The point that spans the largest triangle with the one before and what comes after. */
function farthest(
  points: Pick[],
  from: number,
  to: number,
  before: { timeUs: number; number: number },
  behind: { timeUs: number; number: number },
): Pick {
  let best = points[from]!;
  let largest = -1;
  for (let i = from; i < to; i++) {
    const { timeUs, number } = points[i]!;
    const area = Math.abs(
      (before.timeUs - behind.timeUs) * ((number || 0) - (before.number || 0)) -
        (before.timeUs - timeUs) * (behind.number - (before.number || 0)),
    );
    if (area > largest) {
      largest = area;
      best = points[i]!;
    }
  }
  return best;
}
