import { assert, assertEquals, assertThrows } from "@std/assert";
import { scaleOf, valueLabel, verticalScales } from "../../web/axes.ts";
import { fits } from "../../web/filter.ts";
import {
  formatAge,
  formatBytes,
  formatCount,
  formatDelay,
  formatNumber,
  formatQuantity,
  formatRate,
} from "../../web/format.ts";
import { DelayMeter, RateMeter } from "../../web/meters.ts";
import { SteadyRange } from "../../web/steady_range.ts";
import { describeValue } from "../../web/topic_model.ts";
import { parseEntry } from "../../web/write_box.ts";

Deno.test("formatNumber stays short whatever the size", () => {
  const cases: [number, string][] = [
    [0, "0"],
    [42, "42"],
    [-3.14159, "−3.14"],
    [0.01234, "0.0123"],
    [123.456, "123.5"],
    [1234.5, "1235"],
    [1e9, "1.00e9"],
    [2.5e-7, "2.50e−7"],
    [NaN, "–"],
    [Infinity, "∞"],
  ];
  for (const [value, text] of cases) assertEquals(formatNumber(value), text);
});

Deno.test("formatQuantity tells bytes in binary multiples and leaves other units alone", () => {
  assertEquals(formatQuantity(8_589_934_592, "B"), { text: "8.00", unit: "GiB" });
  assertEquals(formatQuantity(1536, "B/s"), { text: "1.50", unit: "KiB/s" });
  assertEquals(formatQuantity(12, "bytes"), { text: "12", unit: "B" });
  assertEquals(formatQuantity(21.4567, "°C"), { text: "21.46", unit: "°C" });
});

Deno.test("formatAge, formatDelay, formatRate, formatCount and formatBytes read well at every size", () => {
  assertEquals([400, 9_990, 65_000, 600_000, 7.2e6, 2.6e8].map(formatAge), [
    "0.4 s",
    "10 s",
    "65 s",
    "10 min",
    "2 h",
    "3 d",
  ]);
  assertEquals([0.42, 12.6, -1].map(formatDelay), ["0.4 ms", "13 ms", "0.0 ms"]);
  assertEquals([0, 0.25, 9.96, 100.4].map(formatRate), ["", "0.3 Hz", "10 Hz", "100 Hz"]);
  assertEquals(formatCount(1234567), "1\u202f234\u202f567");
  assertEquals(formatBytes(new Uint8Array([1, 255, 16]), 2), "01 ff … (3 bytes)");
});

Deno.test("RateMeter counts over the last full seconds and falls to zero after silence", () => {
  const meter = new RateMeter();
  for (let ms = 0; ms < 5_000; ms += 100) meter.mark(1_000_000 + ms);
  assertEquals(meter.perSecond(1_005_000), 10);
  assertEquals(meter.perSecond(1_007_500), 5);
  assertEquals(meter.perSecond(1_600_000), 0);
});

Deno.test("RateMeter is right from its first full second on", () => {
  const meter = new RateMeter();
  for (let ms = 0; ms < 1_000; ms += 50) meter.mark(ms + 3_000);
  assertEquals(meter.perSecond(3_999), 0);
  assertEquals(meter.perSecond(4_000), 20);
});

Deno.test("DelayMeter knows quantiles of the last delays only", () => {
  const meter = new DelayMeter(100);
  assertEquals(meter.quantiles(0.5), undefined);
  for (let i = 0; i < 100; i++) meter.mark(1000);
  for (let i = 0; i < 100; i++) meter.mark(i);
  assertEquals(meter.quantiles(0.5, 0.95), [50, 95]);
});

Deno.test("SteadyRange moves when a value leaves it, and not while values stay inside", () => {
  const range = new SteadyRange();
  const first = range.include(10, 20);
  assert(first[0] <= 10 && first[1] >= 20);
  assertEquals(range.include(12, 19), first);
  assert(range.include(12, 40)[1] >= 40);
  const wide = range.include(12, 40);
  assert(range.include(18, 19)[1] < wide[1], "shrinks when the values fill little of it");
});

Deno.test("SteadyRange has room around a constant, and something to show before the first value", () => {
  assertEquals(new SteadyRange().include(null, null), [0, 1]);
  const [low, high] = new SteadyRange().include(5, 5);
  assert(low < 5 && high > 5);
});

Deno.test("SteadyRange does not zoom into a few points of a percentage, and shows most of it whole", () => {
  const [low, high] = new SteadyRange("%").include(99, 100);
  assert(low < 75 && high > 100, `${low} to ${high}`);
  const [from, to] = new SteadyRange("%").include(46, 58);
  assert(from > 30 && from < 46 && to > 58 && to < 75, `${from} to ${to}`);
  assertEquals(new SteadyRange("%").include(2, 80), [0, 104]);
  assert(new SteadyRange("%").include(0, 380)[1] >= 380);
});

Deno.test("verticalScales gives each of two units an axis, and puts more on one", () => {
  const keys = (...units: (string | undefined)[]) =>
    verticalScales(units).map(({ key, unit }) => [key, unit]);
  assertEquals(keys("B", "B"), [["y", "B"]]);
  assertEquals(keys("B", "%", "B"), [["y", "B"], ["y2", "%"]]);
  assertEquals(keys("B", "%", undefined), [["y", undefined]]);
  const scales = verticalScales(["B", "%", "V"]);
  assertEquals(scaleOf(scales, "V"), scales[0]);
});

Deno.test("valueLabel drops needless zeros and nothing else", () => {
  const cases: [number, string | undefined, string][] = [
    [2e10, undefined, "2e10"],
    [1.25e8, undefined, "1.25e8"],
    [100, undefined, "100"],
    [0.5, "V", "0.5"],
    [50, "%", "50 %"],
    [2 ** 31, "B", "2 GiB"],
    [786_432, "B/s", "768 KiB"],
    [0, "B", "0"],
  ];
  for (const [value, unit, label] of cases) assertEquals(valueLabel(value, unit), label);
});

Deno.test("fits looks for every word, whatever the case", () => {
  assert(fits("", "a/b") && fits("CPU work", "workshop/cpu/0"));
  assertEquals(fits("cpu 1", "workshop/cpu/0"), false);
});

Deno.test("parseEntry reads text, bytes and JSON by the channel's encoding", () => {
  assertEquals(parseEntry("12", "utf8"), { value: "12" });
  assertEquals(parseEntry("01 ff", "raw"), { bytes: new Uint8Array([1, 255]) });
  assertEquals(parseEntry('{"on":true}', "json"), { value: { on: true } });
  assertEquals(parseEntry("21.5", "f64"), { value: 21.5 });
  assertThrows(() => parseEntry("xyz", "raw"), SyntaxError, "hexadecimal");
  assertThrows(() => parseEntry("on", "json"), SyntaxError, "not JSON");
});

Deno.test("describeValue tells objects by their properties, bytes in hexadecimal", () => {
  assertEquals(describeValue({ on: true, colour: "warm" }), "on: true, colour: warm");
  assertEquals(describeValue(new Uint8Array([10, 11])), "0a 0b");
  assertEquals(describeValue([1, 2]), "[1,2]");
  assertEquals(describeValue("text"), "text");
  assertEquals(describeValue(undefined), "");
});
