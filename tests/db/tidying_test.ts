import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../db/open.ts";
import { type Connection, openForWriting } from "../../db/sqlite.ts";
import { Tidying } from "../../db/tidying.ts";
import { SteppedTimers } from "../support/world.ts";
import { fillDisk, Folder, MODES, sample, T0, topic } from "./support.ts";

const SECOND_US = 1_000_000;

/** A database with a block of an hour ago, another of half a minute ago, and chunks. */
async function recorded(folder: Folder): Promise<void> {
  const store = await folder.open();
  const made = topic(store, 1);
  for (const secondsAgo of [3_600, 30, 0]) {
    store.recorder.state(sample(made, T0 - secondsAgo * SECOND_US, secondsAgo));
    if (secondsAgo > 0) await store.maintain();
  }
  await folder.close(store);
}

/** Tidying over a connection, with timers that the test steps. */
function stepped(connection: Connection, maxAgeMs = 0) {
  const timers = new SteppedTimers();
  timers.ms = T0 / 1_000;
  const said: string[] = [];
  const tidying = new Tidying({
    connection,
    limits: { ...DEFAULT_LIMITS, compactBytes: 1, maxAgeMs },
    stepping: () => {},
    shortened: () => {},
    setback: (chore, error) => said.push(error === null ? `${chore} done` : `${chore} refused`),
    timers,
  });
  return { tidying, timers, said };
}

function count({ raw }: Connection, table: "blocks" | "chunks"): unknown {
  return raw.prepare(`SELECT count(*) AS rows FROM ${table}`).get()!.rows;
}

Deno.test("regrouping that the disk refuses rests, at last for a minute, however often a commit asks for it", async () => {
  await using folder = new Folder();
  await recorded(folder);
  const connection = openForWriting(`${folder.dir}/tidegate.db`, "normal");
  const disk = fillDisk(folder.dir, "blocks");
  const { tidying, timers, said } = stepped(connection);
  tidying.start(timers.ms);
  const refusedAtS: number[] = [];
  for (let tenths = 0; tenths < 2_500; tenths++) {
    const before = tidying.refused;
    tidying.schedule();
    timers.advance(0);
    if (tidying.refused > before) refusedAtS.push(tenths / 10);
    timers.advance(100);
  }
  assertEquals(refusedAtS, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
  assertEquals(said, ["regroup refused"]);
  assert(tidying.error?.includes("the disk is full; free some space"), tidying.error ?? "no error");
  disk.mend();
  timers.advance(70_000);
  assertEquals(said, ["regroup refused", "regroup done"]);
  assertEquals([tidying.error, count(connection, "chunks")], [null, 0]);
  tidying.stop();
  connection.raw.close();
});

Deno.test("what is too old is removed while regrouping is refused", async () => {
  await using folder = new Folder();
  await recorded(folder);
  const connection = openForWriting(`${folder.dir}/tidegate.db`, "normal");
  const disk = fillDisk(folder.dir, "blocks");
  const { tidying, timers } = stepped(connection, 60_000);
  tidying.start(timers.ms);
  timers.advance(0);
  assertEquals(count(connection, "blocks"), 1, "the block of an hour ago");
  timers.advance(50_000);
  assertEquals(count(connection, "blocks"), 0, "the block of half a minute ago");
  assertEquals(count(connection, "chunks"), 1);
  disk.mend();
  tidying.stop();
  connection.raw.close();
});

for (const mode of MODES) {
  Deno.test(`events are recorded, and an operator is told once, while regrouping is refused ${mode}`, async () => {
    await using folder = new Folder(mode);
    const said: string[] = [];
    const refused = Promise.withResolvers<void>();
    const store = await folder.open({
      limits: { compactBytes: 1 },
      log: (level, message) => {
        said.push(`${level}: ${message}`);
        refused.resolve();
      },
    });
    const events = topic(store, 1, { deliveryClass: "event" });
    await store.recorder.flush();
    const disk = fillDisk(folder.dir, "blocks");
    assert(store.recorder.event(sample(events, T0, 1), "p", 1));
    await refused.promise;
    for (let sequence = 2; sequence <= 20; sequence++) {
      assert(store.recorder.event(sample(events, T0 + sequence, sequence), "p", sequence));
      await store.recorder.flush();
    }
    assertEquals(store.recorder.lastSequence(events, "p"), 20);
    assertEquals(said.length, 1, said.join("\n"));
    assert(said[0]!.startsWith("warn: regrouping samples by topic in the recording fails"), said[0]!);
    const { error, tidyingError, tidyingRefused, drops } = await store.status();
    assert(tidyingError?.includes("the disk is full"), `${tidyingError}`);
    assert(tidyingRefused > 0);
    assertEquals([error, drops], [null, { queue_full: 0, write_error: 0, refused: 0 }]);
    disk.mend();
    await store.maintain();
    assertEquals(said.slice(1), ["info: regrouping samples by topic in the recording goes on"]);
    assertEquals((await store.status()).tidyingError, null);
  });
}
