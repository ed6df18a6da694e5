/**
 * Moments on the command line: ISO 8601, a time of day, or how long ago.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { parseDuration } from "./units.ts";

/** A date, and the time that may follow it. Other texts are not given to `Date.parse`, whose guesses differ by runtime. */
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

/** By the calendar rather than 24 hours back: the day in between may have 23 or 25. */
function lastTimeOfDay(hours: number, minutes: number, seconds: number, nowMs: number): number {
  const at = new Date(nowMs);
  at.setHours(hours, minutes, seconds, 0);
  if (at.getTime() > nowMs) at.setDate(at.getDate() - 1);
  return at.getTime();
}
