/**
 * How old the newest value is, as somebody who looks at it sees it: not at arrivals, but at any moment.
 *
 * @module
 */

/** What a page has received, flat: moment of arrival, moment at which it was made, topic, offset. */
export interface Arrivals {
  /** Quadruples; times in milliseconds since 1970. */
  rows: number[];
  fromMs: number;
  toMs: number;
}

/** Numbers that make up one arrival. */
export const ARRIVAL_FIELDS = 4;

/** A value is looked at this often, in milliseconds. */
const LOOK_EVERY_MS = 1;

/** Ages of the newest values over the looks at all topics. */
export interface Ages {
  p50: number;
  p99: number;
  max: number;
  /** p99 of the topic whose p99 is the highest. */
  worstTopicP99: number;
  /** p50 in the last quarter less that in the first: above 0, a queue grows. */
  drift: number;
  /** Samples a second over all topics. */
  perSecond: number;
}

/** The value below which this share of the sorted numbers lies. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Ages of one topic at each look. Looks before its first arrival are left out. */
function looksAt(rows: [arrivedMs: number, madeMs: number][], fromMs: number, toMs: number): number[] {
  const ages: number[] = [];
  let next = 0;
  let newest = -Infinity;
  for (let nowMs = fromMs; nowMs < toMs; nowMs += LOOK_EVERY_MS) {
    for (; next < rows.length && rows[next]![0] <= nowMs; next++) newest = Math.max(newest, rows[next]![1]);
    if (newest > -Infinity) ages.push(nowMs - newest);
  }
  return ages;
}

/** Reads the ages off the arrivals of `topics` topics; a topic that never came has the age Infinity. */
export function agesOf(arrivals: Arrivals, topics: number): Ages {
  const { rows, fromMs, toMs } = arrivals;
  const byTopic = Array.from({ length: topics }, (): [number, number][] => []);
  for (let i = 0; i < rows.length; i += ARRIVAL_FIELDS) {
    byTopic[rows[i + 2]!]?.push([rows[i]!, rows[i + 1]!]);
  }
  const looks = byTopic.map((one) => looksAt(one, fromMs, toMs));
  const all = Float64Array.from(looks.flat()).sort();
  const quarter = (part: number) =>
    Float64Array.from(
      looks.flatMap((one) =>
        one.slice(Math.floor(one.length * part / 4), Math.floor(one.length * (part + 1) / 4))
      ),
    ).sort();
  const seen = rows.length / ARRIVAL_FIELDS;
  return {
    p50: quantile(all, 0.5),
    p99: quantile(all, 0.99),
    max: all.at(-1) ?? Infinity,
    worstTopicP99: Math.max(
      ...looks.map((one) => one.length === 0 ? Infinity : quantile(Float64Array.from(one).sort(), 0.99)),
    ),
    drift: quantile(quarter(3), 0.5) - quantile(quarter(0), 0.5),
    perSecond: seen / (toMs - fromMs) * 1_000,
  };
}

/** Longest pause between two of these moments, in milliseconds. */
export function longestPause(momentsMs: number[]): number {
  return momentsMs.reduce((longest, at, i) => Math.max(longest, i === 0 ? 0 : at - momentsMs[i - 1]!), 0);
}
