/**
 * Points in time as people and programs write them in a query.
 *
 * @module
 */

/** A point in time: fixed, or so long before now. Microseconds. */
export type TimeExpression = { at: number } | { ago: number };

const UNIT_US: Readonly<Record<string, number>> = {
  ms: 1e3,
  s: 1e6,
  m: 60e6,
  h: 3_600e6,
  d: 86_400e6,
  w: 604_800e6,
};

/**
 * Numbers from here on are microseconds, below it milliseconds: as milliseconds this is the year 5138, as
 * microseconds 1973.
 */
const FIRST_MICROSECONDS = 1e14;

const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+ -]\d{2}:\d{2})$/;

/** What the forms are, for messages and documentation. */
export const TIME_FORMS =
  "RFC 3339 (2026-01-31T12:00:00Z), milliseconds or microseconds since 1970, a time ago (-10m, -1h30m, -2d), or now";

/**
 * Reads a point in time: RFC 3339, milliseconds or microseconds since 1970, `-10m` (ms, s, m, h, d, w; several
 * may follow each other) or `now`. Undefined when it is none of these.
 */
export function parseTime(text: string): TimeExpression | undefined {
  if (text === "now") return { ago: 0 };
  if (text.startsWith("-")) return parseAgo(text.slice(1));
  if (/^\d{1,16}$/.test(text)) {
    const number = Number(text);
    if (!Number.isSafeInteger(number)) return undefined;
    return { at: number >= FIRST_MICROSECONDS ? number : number * 1000 };
  }
  return parseRfc3339(text);
}

/** The point in time in microseconds since 1970. */
export function resolveTime(time: TimeExpression, nowUs: number): number {
  return "at" in time ? time.at : Math.max(0, nowUs - time.ago);
}

function parseAgo(text: string): TimeExpression | undefined {
  if (!/^(\d{1,9}(\.\d{1,6})?(ms|s|m|h|d|w)){1,6}$/.test(text)) return undefined;
  let ago = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([a-z]+)/g)) ago += Number(amount) * UNIT_US[unit!]!;
  return { ago: Math.round(ago) };
}

function parseRfc3339(text: string): TimeExpression | undefined {
  const [, date, time, fraction = "", zone] = RFC3339.exec(text) ?? [];
  if (date === undefined || zone === undefined) return undefined;
  // A plus sign that was not percent-encoded in a query arrives as a space.
  const ms = Date.parse(`${date}T${time}${zone.toUpperCase().replace(" ", "+")}`);
  // A day that the month does not have rolls over; the date must come back as it was.
  if (Number.isNaN(ms) || new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date) return undefined;
  const us = ms * 1000 + Number(fraction.slice(0, 6).padEnd(6, "0"));
  return us >= 0 ? { at: us } : undefined;
}
