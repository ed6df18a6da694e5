import { assertEquals } from "@std/assert";
import { agesOf, longestPause } from "../../bench/rtc/age.ts";

Deno.test("agesOf looks at the newest value at each moment, not at arrivals alone", () => {
  // one topic: made at 0, 100 and 50 (which comes late and is older than what is there)
  const rows = [10, 0, 0, 1, 110, 100, 0, 3, 120, 50, 0, 2];
  const ages = agesOf({ rows, fromMs: 10, toMs: 210 }, 1);
  assertEquals(ages.max, 109); // at the last look, 209, the newest is still that of 100
  assertEquals(ages.p50, 60);
  assertEquals(ages.perSecond, 15);
});

Deno.test("agesOf names the topic that is worst off, and a topic that never came is never new", () => {
  const rows = [0, 0, 0, 1, 0, -500, 1, 1];
  assertEquals(agesOf({ rows, fromMs: 0, toMs: 100 }, 2).worstTopicP99, 599);
  assertEquals(agesOf({ rows, fromMs: 0, toMs: 100 }, 3).worstTopicP99, Infinity);
});

Deno.test("agesOf sees a queue that grows", () => {
  const rows = Array.from({ length: 100 }, (_, i) => [i * 10 + i, i * 10, 0, i + 1]).flat();
  assertEquals(agesOf({ rows, fromMs: 0, toMs: 1_000 }, 1).drift > 50, true);
});

Deno.test("longestPause is the longest, and 0 without two moments", () => {
  assertEquals(longestPause([0, 10, 50, 55]), 40);
  assertEquals(longestPause([7]), 0);
});
