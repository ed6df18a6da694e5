import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  exactDuration,
  exactSize,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
} from "../../cli/units.ts";

Deno.test("parseSize reads what exactSize writes", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(exactSize(bytes)) === bytes));
});

Deno.test("parseDuration reads what exactDuration writes", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (ms) => parseDuration(exactDuration(ms)) === ms));
});

Deno.test("parseSize and parseDuration give a whole number or undefined for any text", () => {
  const whole = (value: number | undefined) =>
    value === undefined || (Number.isSafeInteger(value) && value >= 0);
  fc.assert(fc.property(fc.string(), (text) => whole(parseSize(text)) && whole(parseDuration(text))));
});

Deno.test("parseDuration adds the parts of a compound duration", () => {
  fc.assert(
    fc.property(
      fc.nat(999),
      fc.nat(59),
      fc.nat(59),
      (h, m, s) => parseDuration(`${h}h${m}m${s}s`) === ((h * 60 + m) * 60 + s) * 1000,
    ),
  );
});

Deno.test("parseSize knows thousands from 1,024s", () => {
  assertEquals(parseSize("2GB"), 2e9);
  assertEquals(parseSize("2 gib"), 2 ** 31);
  assertEquals(parseSize("1.5MB"), 1_500_000);
  assertEquals(parseSize("512"), 512);
  for (const wrong of ["", "GB", "-1GB", "1e3", "1XB", "1GB2", "99999999TB"]) {
    assertEquals(parseSize(wrong), undefined);
  }
});

Deno.test("parseDuration wants a unit", () => {
  assertEquals(parseDuration("0"), 0);
  assertEquals(parseDuration("1.5h"), 5_400_000);
  assertEquals(parseDuration("2w"), 14 * 86_400_000);
  for (const wrong of ["", "30", "30 days", "h", "1h30", "-1s"]) {
    assertEquals(parseDuration(wrong), undefined);
  }
});

Deno.test("formatSize and formatDuration write for people", () => {
  assertEquals([0, 999, 1_000, 999_949, 1.5e9].map(formatSize), [
    "0 B",
    "999 B",
    "1.00 kB",
    "1.00 MB",
    "1.50 GB",
  ]);
  assertEquals(
    [0, 40, 1_250, 59_700, 200_000, 187_200_000].map(formatDuration),
    ["0ms", "40ms", "1.3s", "1m", "3m 20s", "2d 4h"],
  );
});
