import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { compact, Workspace } from "../../db/compactor.ts";
import { metaValue } from "../../db/meta.ts";
import { merge, worthMerging } from "../../db/merger.ts";
import { trim } from "../../db/retention.ts";
import { DEFAULT_LIMITS } from "../../db/open.ts";
import { chunks, META } from "../../db/schema.ts";
import { openForWriting } from "../../db/sqlite.ts";
import { f64, Folder, replayed, sample, T0, topic } from "./support.ts";

/** Runs a job to its end. */
function finished<T>(job: Generator<void, T>): T {
  for (;;) {
    const { done, value } = job.next();
    if (done) return value;
  }
}

Deno.test("a compaction that stops anywhere leaves every sample readable exactly once", async () => {
  await using folder = new Folder();
  let store = await folder.open();
  const made = Array.from({ length: 40 }, (_, i) => topic(store, i + 1, { deliveryClass: "event" }));
  const all = made.map(({ id }) => ({ id }));
  for (let i = 0; i < 4000; i++) {
    const one = made[i % made.length]!;
    store.recorder.event(sample(one, T0 + i, i), "p", one.lastOffset);
    if (i % 400 === 399) await store.recorder.flush();
  }
  const before = await replayed(store, { topics: all, fromUs: T0 });
  assertEquals(before.samples.length, 4000);
  await folder.close(store);
  for (let steps = 1; steps < 40; steps += 3) {
    const connection = openForWriting(`${folder.dir}/tidegate.db`, "normal");
    const job = compact(connection, Infinity, new Workspace());
    let done = false;
    for (let i = 0; i < steps && !done; i++) done = job.next().done === true;
    // Tidying goes on after a failure; it must not take the unfinished blocks for the samples' only place.
    for (const id of finished(worthMerging(connection, 1))) for (const _ of merge(connection, id));
    for (const _ of trim(connection, { ...DEFAULT_LIMITS, maxAgeMs: 1 }, T0 / 1000)) assert(false);
    connection.raw.close();
    store = await folder.open();
    const now = await replayed(store, { topics: all, fromUs: T0 });
    assertEquals(now.samples.toSorted((a, b) => a.timeUs - b.timeUs), before.samples);
    assertEquals(now.told.filter((item) => item.kind === "gap"), []);
    await folder.close(store);
  }
});

Deno.test("small blocks of a slow topic are merged, so that rows do not grow with time", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const slow = topic(store, 1);
  for (let i = 0; i < 200; i++) {
    store.recorder.state({
      topic: slow,
      offset: ++slow.lastOffset,
      timeUs: T0 + i * 1e6,
      session: 1,
      bytes: f64(i),
      start: 0,
      end: 8,
    });
    await store.maintain();
  }
  const raw = new DatabaseSync(`${folder.dir}/tidegate.db`, { readOnly: true });
  const { count } = raw.prepare("SELECT count(*) AS count FROM blocks").get() as { count: number };
  raw.close();
  assert(count <= 20, `${count} blocks`);
  const { samples } = await replayed(store, { topics: [{ id: 1 }], fromUs: T0 });
  assertEquals(samples.length, 200);
});

Deno.test("a crash between a compaction and the removal of its chunks leaves every sample readable exactly once", async () => {
  await using folder = new Folder();
  let store = await folder.open();
  const made = topic(store, 1, { deliveryClass: "event" });
  for (let i = 0; i < 100; i++) {
    store.recorder.event(sample(made, T0 + i, i), "p", i + 1);
    await store.recorder.flush();
  }
  const before = await replayed(store, { topics: [{ id: 1 }], fromUs: T0 });
  await folder.close(store);
  const connection = openForWriting(`${folder.dir}/tidegate.db`, "normal");
  const chunkRows = () => connection.db.select({ id: chunks.id }).from(chunks).all().length;
  const job = compact(connection, Infinity, new Workspace());
  while (metaValue(connection, META.regroupedTo) === "0") assert(!job.next().done);
  assertEquals(chunkRows(), 100);
  connection.raw.close();
  store = await folder.open();
  assertEquals((await store.status()).chunks, 0);
  assertEquals((await replayed(store, { topics: [{ id: 1 }], fromUs: T0 })).samples, before.samples);
  assertEquals(store.boot.topics[0]!.newest?.offset, 100);
  await store.maintain();
  await folder.close(store);
  const after = new DatabaseSync(`${folder.dir}/tidegate.db`, { readOnly: true });
  assertEquals({ ...after.prepare("SELECT count(*) AS rows FROM chunks").get() }, { rows: 0 });
  after.close();
});
