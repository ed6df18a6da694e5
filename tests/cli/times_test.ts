import { assertEquals, assertThrows } from "@std/assert";
import { moment, preciseMoment } from "../../cli/table.ts";
import { parseMoment, parseRange } from "../../cli/times.ts";

const NOW_MS = Date.parse("2026-01-31T12:00:30Z");

function parse(text: string): string {
  return new Date(parseMoment(text, "--from", NOW_MS)).toISOString();
}

Deno.test("parseMoment reads dates, durations with and without a sign, and now", () => {
  assertEquals(parse("2026-01-31T03:12:00Z"), "2026-01-31T03:12:00.000Z");
  assertEquals(parse("2026-01-31T03:12:00.5+01:00"), "2026-01-31T02:12:00.500Z");
  assertEquals(parse("2026-01-30"), "2026-01-30T00:00:00.000Z");
  assertEquals(parse("15m"), "2026-01-31T11:45:30.000Z");
  assertEquals(parse("-15m"), "2026-01-31T11:45:30.000Z");
  assertEquals(parse("now"), "2026-01-31T12:00:30.000Z");
});

Deno.test("parseMoment reads back what tables show", () => {
  const shown = moment(NOW_MS);
  assertEquals(parseMoment(shown, "--from", NOW_MS), NOW_MS);
  assertEquals(parseMoment(shown.slice(0, -3), "--from", NOW_MS), NOW_MS - 30_000);
  assertEquals(parseMoment(preciseMoment(NOW_MS + 7.9), "--from", NOW_MS), NOW_MS + 7);
});

Deno.test("parseMoment takes a time of day for the last moment at which a clock here showed it", () => {
  const clock = moment(NOW_MS).slice(-8);
  assertEquals(parseMoment(clock, "--from", NOW_MS), NOW_MS);
  const later = moment(NOW_MS + 60_000).slice(-8, -3);
  assertEquals(
    moment(parseMoment(later, "--from", NOW_MS)),
    `${moment(NOW_MS + 60_000 - 86_400_000).slice(0, -2)}00`,
  );
});

Deno.test("parseMoment names the flag and the forms when a text is no time", () => {
  for (const wrong of ["", "24:00", "3:12", "tomorrow", "2026-13-01", "2026-01-31 noon", "12"]) {
    const { message } = assertThrows(() => parseMoment(wrong, "--from", NOW_MS), Error);
    assertEquals(message.startsWith("--from: expected a time such as"), true, message);
  }
});

Deno.test("parseRange ends at the time of day that follows the beginning, and refuses to end before it", () => {
  const clock = (ms: number) => moment(NOW_MS + ms).slice(-8);
  const minute = 60_000;
  const range = (from: string, to: string) => parseRange({ from, to }, NOW_MS);
  assertEquals(range(clock(-minute), clock(0)), { from: NOW_MS - minute, to: NOW_MS });
  assertEquals(range(clock(-minute), clock(minute)), { from: NOW_MS - minute, to: NOW_MS + minute });
  assertEquals(range("2d", clock(-minute)), { from: NOW_MS - 2880 * minute, to: NOW_MS - minute });
  assertEquals(parseRange({ to: "1m" }, NOW_MS), { from: undefined, to: NOW_MS - minute });
  assertThrows(() => range("1m", "2m"), Error, "is before: exchange them");
});
