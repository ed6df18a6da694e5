import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { Folder, sample, T0, topic } from "./support.ts";
import type { Series } from "../../db/store.ts";

/** What min/max over equal stretches of time yields, found the slow way. */
function slowMinMax(points: { timeUs: number; value: number }[], count: number): number[] {
  const from = points[0]!.timeUs;
  const to = points.at(-1)!.timeUs;
  const buckets: { timeUs: number; value: number }[][] = Array.from({ length: count }, () => []);
  for (const point of points) {
    buckets[Math.floor((point.timeUs - from) / (to - from + 1) * count)]!.push(point);
  }
  return buckets.filter((bucket) => bucket.length > 0).flatMap((bucket) => {
    const least = bucket.reduce((a, b) => b.value < a.value ? b : a);
    const greatest = bucket.reduce((a, b) => b.value > a.value ? b : a);
    return [...new Set([least, greatest])].sort((a, b) => a.timeUs - b.timeUs).map((one) => one.value);
  });
}

const values = (series: Series) => series.points.map((point) => point.value);

Deno.test("a series thinned by min/max from summaries is the same as from every sample", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 50, maxLength: 400 }),
      fc.integer({ min: 2, max: 60 }),
      fc.integer({ min: 1, max: 40 }),
      async (some, maxPoints, repeat) => {
        await using folder = new Folder();
        const store = await folder.open();
        const made = topic(store, 1);
        const points = Array.from({ length: repeat }, (_, r) => some.map((value) => value + r)).flat()
          .map((value, i) => ({ timeUs: T0 + i * 1000, value }));
        for (const [i, { timeUs, value }] of points.entries()) {
          store.recorder.state(sample(made, timeUs, value));
          if (i % 1000 === 999) await store.maintain();
        }
        const request = { topic: "dev/t1", fromUs: 0, toUs: T0 * 2, downsampling: "minmax" as const };
        const series = await store.series({ ...request, maxPoints });
        assertEquals(series.total, points.length);
        if (points.length <= maxPoints) return;
        assertEquals(values(series), slowMinMax(points, Math.max(1, maxPoints >> 1)));
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("a series thinned by LTTB keeps the ends, the order and a spike", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const made = topic(store, 1);
  for (let i = 0; i < 50_000; i++) {
    store.recorder.state(sample(made, T0 + i * 1000, i === 33_333 ? 50 : Math.sin(i / 1000)));
  }
  await store.maintain();
  const series = await store.series({
    topic: "dev/t1",
    fromUs: T0,
    toUs: T0 + 50e6,
    maxPoints: 200,
    downsampling: "lttb",
  });
  assertEquals(series.total, 50_000);
  assertEquals(series.points.length, 200);
  assertEquals(series.points[0]!.timeUs, T0);
  assert(values(series).includes(50));
  assert(series.points.every((point, i) => i === 0 || point.timeUs > series.points[i - 1]!.timeUs));
});

Deno.test("a series is thinned by the field asked for and gives decoded values", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const made = topic(store, 1, { encoding: "json", name: "dev/json" });
  for (let i = 0; i < 1000; i++) {
    const text = JSON.stringify({ flat: 1, wave: { deep: i === 777 ? 99 : i % 5 } });
    store.recorder.state(sample(made, T0 + i * 1000, new TextEncoder().encode(text)));
  }
  const request = {
    topic: "dev/json",
    fromUs: T0,
    toUs: T0 + 1e9,
    maxPoints: 4,
    downsampling: "minmax" as const,
  };
  const series = await store.series({ ...request, field: "wave.deep" });
  assertEquals(series.points.length, 4);
  assert(series.points.some((point) => (point.value as { wave: { deep: number } }).wave.deep === 99));
  const cut = await store.series({ ...request, downsampling: "none" });
  assertEquals([cut.truncated, cut.total, cut.points.length], [true, 1000, 4]);
  assertEquals(cut.points[1]!.value, { flat: 1, wave: { deep: 1 } });
});

Deno.test("a series of payloads without numbers is thinned evenly", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const made = topic(store, 1, { encoding: "raw" });
  for (let i = 0; i < 1000; i++) store.recorder.state(sample(made, T0 + i * 1000, new Uint8Array([i])));
  const series = await store.series({
    topic: "dev/t1",
    fromUs: T0,
    toUs: T0 + 1e9,
    maxPoints: 20,
    downsampling: "minmax",
  });
  assertEquals(series.points.length, 10);
  await assertRejects(
    () => store.series({ topic: "nope", fromUs: 0, toUs: 1, maxPoints: 1, downsampling: "none" }),
    Error,
    "not on record",
  );
});

Deno.test("the topics of a session are counted across chunks, blocks and blocks of several sessions", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const start = { role: "device" as const, tokenId: "t", label: "", remote: "r", transport: "websocket" };
  const [one, two] = [store.sessionLog.open(start), store.sessionLog.open(start)];
  const [a, b] = [topic(store, 1), topic(store, 2)];
  const nowUs = Date.now() * 1000;
  for (let i = 0; i < 100; i++) {
    store.recorder.state(sample(a, nowUs + i, i, i % 2 ? one.number : two.number));
  }
  for (let i = 0; i < 100; i++) store.recorder.state(sample(b, nowUs + i, i, one.number));
  await store.maintain();
  for (let i = 100; i < 110; i++) store.recorder.state(sample(b, nowUs + i, i, one.number));
  assertEquals(await store.sessionTopics(one.id), [
    { topic: "dev/t1", samples: 50, firstUs: nowUs + 1, lastUs: nowUs + 99 },
    { topic: "dev/t2", samples: 110, firstUs: nowUs, lastUs: nowUs + 109 },
  ]);
  assertEquals((await store.sessionTopics(two.id)).map((row) => row.samples), [50]);
});
