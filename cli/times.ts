/**
 * Moments on the command line: ISO 8601, a time of day, or how long ago.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { parseDuration } from "./units.ts";

/**
 * A date, and the time that may follow it. Other texts are not given to `Date.parse`, whose guesses differ by
 * runtime.
 */
const DATE = /^\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?)?$/;

const TIME_OF_DAY = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;

/**
 * Milliseconds since 1970 of `2026-01-31T12:00:00Z`, of `2026-01-31`, of `2026-01-31 12:00:00` as tables show it
 * (local time), of `03:12` (when the clock on the wall last said so), of `15m` or `-15m` (that long ago) or of
 * `now`.
 *
 * @throws {UserError} naming the flag when the text is none of these.
 */
export function parseMoment(text: string, flag: string, nowMs: number): number {
  if (text === "now") return nowMs;
  const ago = parseDuration(text.replace(/^-/, ""));
  if (ago !== undefined) return nowMs - ago;
  const time = TIME_OF_DAY.exec(text);
  if (time) return lastTimeOfDay(Number(time[1]), Number(time[2]), Number(time[3] ?? 0), nowMs);
  const at = DATE.test(text) ? Date.parse(text.replace(" ", "T")) : NaN;
  if (Number.isNaN(at)) {
    throw new UserError(
      `${flag}: expected a time such as 2026-01-31T12:00:00Z, "2026-01-31 12:00" or 03:12 (local time), or how ` +
        `long ago such as 15m, got ${JSON.stringify(text)}`,
    );
  }
  return at;
}

/** A stretch of time, milliseconds since 1970; what is undefined bounds nothing. */
export interface Range {
  from: number | undefined;
  to: number | undefined;
}

/**
 * What `--from` and `--to` say together: a time of day as `--to` is the last one, or the next behind `--from` where
 * that is later, so that `--from 23:50 --to 00:10` and an end that is still to come mean what they say.
 *
 * @throws {UserError} as `parseMoment` does, and when the range ends before it begins.
 */
export function parseRange(texts: { from?: string; to?: string }, nowMs: number): Range {
  const from = texts.from === undefined ? undefined : parseMoment(texts.from, "--from", nowMs);
  let to = texts.to === undefined ? undefined : parseMoment(texts.to, "--to", nowMs);
  if (from === undefined || to === undefined || from <= to) return { from, to };
  if (TIME_OF_DAY.test(texts.to!)) to = oneDayLater(to);
  if (from > to) {
    const [begin, end] = [from, to].map((ms) => new Date(ms).toISOString());
    throw new UserError(`--from is ${begin} and --to is ${end}, which is before: exchange them`);
  }
  return { from, to };
}

function oneDayLater(ms: number): number {
  const at = new Date(ms);
  return at.setDate(at.getDate() + 1);
}

/** By the calendar rather than 24 hours back: the day in between may have 23 or 25. */
function lastTimeOfDay(hours: number, minutes: number, seconds: number, nowMs: number): number {
  const at = new Date(nowMs);
  at.setHours(hours, minutes, seconds, 0);
  if (at.getTime() > nowMs) at.setDate(at.getDate() - 1);
  return at.getTime();
}
