import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseTime, resolveTime } from "../../routes/time.ts";

Deno.test("times are read as RFC 3339, milliseconds, microseconds, a time ago, or now", () => {
  const at = Date.UTC(2026, 0, 31, 12) * 1000;
  assertEquals(parseTime("2026-01-31T12:00:00Z"), { at });
  assertEquals(parseTime("2026-01-31t12:00:00z"), { at });
  assertEquals(parseTime("2026-01-31T14:00:00+02:00"), { at });
  assertEquals(parseTime("2026-01-31T14:00:00 02:00"), { at }, "a plus that a query turned into a space");
  assertEquals(parseTime("2026-01-31T12:00:00.123456789Z"), { at: at + 123_456 });
  assertEquals(parseTime("2026-01-31T12:00:00.5Z"), { at: at + 500_000 });
  assertEquals(parseTime(String(at)), { at });
  assertEquals(parseTime(String(at / 1000)), { at });
  assertEquals(parseTime("0"), { at: 0 });
  assertEquals(parseTime("now"), { ago: 0 });
  assertEquals(parseTime("-10m"), { ago: 600e6 });
  assertEquals(parseTime("-1h30m"), { ago: 5_400e6 });
  assertEquals(parseTime("-1.5s"), { ago: 1.5e6 });
  assertEquals(parseTime("-250ms"), { ago: 250e3 });
  assertEquals(parseTime("-2w"), { ago: 1_209_600e6 });
});

Deno.test("what is no time is not taken for one", () => {
  const wrong = [
    "",
    "-",
    "-10",
    "10m",
    "-10x",
    "--10m",
    "-1e3s",
    "yesterday",
    "2026-01-31",
    "2026-01-31T12:00:00",
    "2026-02-30T12:00:00Z",
    "2026-13-01T12:00:00Z",
    "2026-01-31T25:00:00Z",
    "1969-01-01T00:00:00Z",
    "99999999999999999999",
    "9999999999999999",
    "1e9",
    "-1s ",
    "NaN",
    "Infinity",
  ];
  for (const text of wrong) assertEquals(parseTime(text), undefined, text);
});

Deno.test("any text is either refused or a time that resolves to whole microseconds", () => {
  const near = fc.stringMatching(/^-?[0-9TZ:.+ hmsdw-]{0,30}$/);
  fc.assert(fc.property(fc.oneof(near, fc.string()), (text) => {
    const time = parseTime(text);
    if (!time) return;
    const us = resolveTime(time, 1_700_000_000_000_000);
    assert(Number.isSafeInteger(us) && us >= 0, `${text} gives ${us}`);
  }));
});

Deno.test("every date that this program writes is read back", () => {
  fc.assert(fc.property(fc.date({ min: new Date(0), max: new Date(8e12), noInvalidDate: true }), (date) => {
    assertEquals(parseTime(date.toISOString()), { at: date.getTime() * 1000 });
  }));
});
