/**
 * Moments on the command line: ISO 8601, or how long ago.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { parseDuration } from "./units.ts";

/**
 * Milliseconds since 1970 of `2026-01-31T12:00:00Z`, of `2026-01-31`, of `15m` (that long ago) or of `now`.
 *
 * @throws {UserError} naming the flag when the text is none of these.
 */
export function parseMoment(text: string, flag: string, nowMs: number): number {
  if (text === "now") return nowMs;
  const ago = parseDuration(text);
  if (ago !== undefined) return nowMs - ago;
  const at = /^\d{4}-\d{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(at)) {
    throw new UserError(
      `${flag}: expected a time such as 2026-01-31T12:00:00Z, or how long ago such as 15m, got ${
        JSON.stringify(text)
      }`,
    );
  }
  return at;
}
