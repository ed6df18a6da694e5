import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { Decimator } from "../../web/decimate.ts";
import { Series } from "../../web/series.ts";

function series(maxPoints = 1024, maxColumns = 4): Series {
  return new Series({ maxPoints, maxColumns });
}

function push(target: Series, timeMs: number, values: Record<string, number>): boolean {
  const columns = Object.entries(values).map(([name, value]) => [target.column(name), value] as const);
  if (!target.begin(timeMs)) return false;
  for (const [column, value] of columns) if (column >= 0) target.set(column, value);
  return true;
}

Deno.test("Series keeps the newest points and drops the oldest when it is full", () => {
  const ring = series(256);
  for (let i = 0; i < 1000; i++) push(ring, i * 100, { value: i });
  assertEquals(ring.length, 256);
  assertEquals(ring.timeAt(0), 74_400);
  assertEquals(ring.valueAt(0, 0), 744);
  assertEquals(ring.valueAt(0, 255), 999);
  assertEquals(ring.lastMs, 99_900);
});

Deno.test("Series keeps its order when it grows past its first capacity", () => {
  const ring = series(4096);
  for (let i = 0; i < 3000; i++) push(ring, i, { value: -i });
  assertEquals(ring.length, 3000);
  for (let i = 0; i < 3000; i += 97) assertEquals([ring.timeAt(i), ring.valueAt(0, i)], [i, -i]);
});

Deno.test("Series passes over a point that is not newer when one comes late or twice", () => {
  const ring = series();
  assert(push(ring, 200, { value: 1 }));
  assertEquals(push(ring, 200, { value: 2 }), false);
  assertEquals(push(ring, 100, { value: 3 }), false);
  assertEquals([ring.length, ring.valueAt(0, 0)], [1, 1]);
});

Deno.test("Series fills a name that comes later with NaN before it", () => {
  const ring = series();
  push(ring, 1, { a: 1 });
  push(ring, 2, { a: 2, b: 20 });
  assertEquals(ring.names, ["a", "b"]);
  assertEquals([ring.valueAt(1, 0), ring.valueAt(1, 1)], [NaN, 20]);
});

Deno.test("Series counts names beyond its limit and keeps none of their values", () => {
  const ring = series(1024, 2);
  push(ring, 1, { a: 1, b: 2, c: 3 });
  assertEquals([ring.names, [...ring.hidden]], [["a", "b"], ["c"]]);
});

Deno.test("Series finds the first point at or after a time, across the ring's seam", () => {
  const ring = series(256);
  for (let i = 0; i < 400; i++) push(ring, i * 10, { value: i });
  assertEquals(ring.timeAt(ring.firstAt(2005)), 2010);
  assertEquals(ring.firstAt(-1), 0);
  assertEquals(ring.firstAt(1e9), 256);
});

Deno.test("Decimator hands a sparse series on as it is", () => {
  const line = series();
  for (let i = 0; i < 5; i++) push(line, i * 1000, { value: i });
  const rows = new Decimator().reduce(line, { fromMs: 0, toMs: 5000, columnMs: 10 });
  assertEquals(rows.x, [0, 1, 2, 3, 4]);
  assertEquals(rows.ys, [[0, 1, 2, 3, 4]]);
});

Deno.test("Decimator keeps every spike when many points fall into one column", () => {
  const line = series(16_384);
  for (let i = 0; i < 9000; i++) {
    push(line, i * 100, { value: i === 4321 ? 1000 : i === 4329 ? -1000 : i % 7 });
  }
  const rows = new Decimator().reduce(line, { fromMs: 0, toMs: 900_000, columnMs: 2_250 });
  assert(rows.x.length <= 2 * 401, `${rows.x.length} rows for 400 columns`);
  const values = rows.ys[0]!;
  assert(values.indexOf(1000) >= 0 && values.indexOf(-1000) > values.indexOf(1000), "spikes in their order");
  assertEquals(rows.x, rows.x.toSorted((a, b) => a - b));
});

Deno.test("Decimator yields the same rows for a column when the window moves on", () => {
  const line = series(16_384);
  for (let i = 0; i < 3000; i++) push(line, 1_000_000 + i * 100, { value: Math.sin(i) });
  const reduce = (shiftMs: number) => {
    const { x, ys } = new Decimator().reduce(line, {
      fromMs: 1_050_000 + shiftMs,
      toMs: 1_250_000 + shiftMs,
      columnMs: 700,
    });
    return new Map(x.map((at, i) => [at, ys[0]![i]]));
  };
  const before = reduce(0);
  const after = reduce(1400);
  const both = [...before.keys()].filter((at) => after.has(at) && at > 1052.5 && at < 1248);
  assert(both.length > 400);
  for (const at of both) assertEquals(after.get(at), before.get(at));
});

Deno.test("Decimator breaks the line where samples are missing, and only there", () => {
  const line = series();
  for (let i = 0; i < 50; i++) push(line, i * 100, { value: 1 });
  for (let i = 0; i < 50; i++) push(line, 60_000 + i * 100, { value: 1 });
  const rows = new Decimator().reduce(line, { fromMs: 0, toMs: 70_000, columnMs: 175 });
  const breaks = rows.x.filter((_, i) => rows.ys[0]![i] === null);
  assertEquals(breaks.length, 1);
  assertAlmostEquals(breaks[0]!, (4.9 + 60) / 2, 0.001);
});

Deno.test("Decimator does not break the line of a source that is always slow", () => {
  const line = series();
  for (let i = 0; i < 20; i++) push(line, i * 30_000 + (i % 3) * 4_000, { value: i });
  const rows = new Decimator().reduce(line, { fromMs: 0, toMs: 600_000, columnMs: 1500 });
  assertEquals(rows.ys[0]!.includes(null), false);
});

Deno.test("Decimator breaks one line alone when only its value is missing", () => {
  const lines = series();
  for (let i = 0; i < 4; i++) push(lines, i * 1000, i === 2 ? { a: i } : { a: i, b: i * 10 });
  const rows = new Decimator().reduce(lines, { fromMs: 0, toMs: 4000, columnMs: 10 });
  assertEquals(rows.ys, [[0, 1, 2, 3], [0, 10, null, 30]]);
});
