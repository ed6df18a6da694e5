import { assert, assertEquals, assertRejects } from "@std/assert";
import { writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { openStore } from "../../db/open.ts";
import { fillDisk, Folder, MODES, replayed, sample, T0, topic } from "./support.ts";

for (const mode of MODES) {
  Deno.test(`a full disk holds back acknowledgements, is reported, and is got over when working ${mode}`, async () => {
    await using folder = new Folder(mode);
    const said: string[] = [];
    let failing = Promise.withResolvers<void>();
    const store = await folder.open({
      maxQueuedBytes: 1_000_000,
      log: (level, message) => {
        said.push(`${level}: ${message}`);
        failing.resolve();
      },
    });
    const events = topic(store, 1, { deliveryClass: "event" });
    const states = topic(store, 2);
    await store.recorder.flush();
    const acknowledged: number[] = [];
    const mended = Promise.withResolvers<void>();
    store.recorder.onCommitted((_sample, _producer, sequence) => {
      acknowledged.push(sequence);
      if (sequence === 2) mended.resolve();
    });
    const disk = fillDisk(folder.dir, "chunks");
    assert(store.recorder.event(sample(events, T0, 1), "p", 1));
    assert(store.recorder.event(sample(events, T0 + 1, 2), "p", 2));
    await failing.promise;
    assert(said[0]!.includes("the disk is full; free some space"), said[0]!);
    assert((await store.status()).error?.includes("the disk is full"));
    assert(!store.recorder.event(sample(events, T0 + 2, 3), "p", 3));
    assertEquals(store.recorder.acceptedSequence(events, "p"), 2);
    assertEquals(store.recorder.lastSequence(events, "p"), 0);
    let taken = 0;
    while (store.recorder.state(sample(states, T0 + taken, taken))) taken++;
    assert(taken > 1000);
    assertEquals(acknowledged, []);
    assertEquals((await store.status()).drops, { queue_full: 0, write_error: 2, refused: 0 });
    assertEquals(await store.sessions({ limit: 10 }), []);
    failing = Promise.withResolvers();
    disk.mend();
    await mended.promise;
    await store.recorder.flush();
    assertEquals(acknowledged, [1, 2]);
    assertEquals((await store.status()).error, null);
    assertEquals(said.at(-1), "info: recording goes on");
    assertEquals(store.recorder.lastSequence(events, "p"), 2);
    assert(store.recorder.event(sample(events, T0 + 3, 4), "p", 3));
    const { samples } = await replayed(store, { topics: [{ id: 2 }], fromUs: T0 });
    assertEquals(samples.length, taken);
  });

  Deno.test(`a file that is no database is refused with what to do ${mode}`, async () => {
    await using folder = new Folder(mode);
    writeFileSync(`${folder.dir}/tidegate.db`, "hello ".repeat(1000));
    await assertRejects(() => folder.open(), Error, "move it away");
    await assertRejects(() => folder.open(), Error, "move it away");
  });
}

Deno.test("a folder that cannot be made is refused with what to do", async () => {
  await using folder = new Folder();
  writeFileSync(`${folder.dir}/file`, "");
  await assertRejects(
    () => openStore({ dir: `${folder.dir}/file/data` }),
    Error,
    "choose another with --data",
  );
});

Deno.test("a database of a newer program is refused and left as it is", async () => {
  await using folder = new Folder();
  const raw = new DatabaseSync(`${folder.dir}/tidegate.db`);
  raw.exec("PRAGMA user_version = 999");
  raw.close();
  await assertRejects(() => folder.open(), Error, "use the newer program");
});

Deno.test("a payload as large as the protocol allows is recorded and read back", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const large = topic(store, 1, { encoding: "raw" });
  const payload = new Uint8Array(131_072).map((_, i) => i * 7);
  for (let i = 0; i < 5; i++) assert(store.recorder.state(sample(large, T0 + i, payload)));
  const { samples } = await replayed(store, { topics: [{ id: 1 }], fromUs: T0, maxBatchBytes: 1100 });
  assertEquals(samples.map((one) => one.payload), Array.from({ length: 5 }, () => payload));
});
