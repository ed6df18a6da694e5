import { assert, assertEquals } from "@std/assert";
import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { MAX_PRODUCERS_PER_TOPIC } from "../../db/producers.ts";
import { Folder, MODES, replayed, sample, T0, topic } from "./support.ts";

const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes));

Deno.test("the file stays within its limit, and what was removed is told exactly", async () => {
  const maxBytes = 34_000_000;
  await using folder = new Folder();
  const store = await folder.open({ limits: { maxBytes, compactBytes: 1_000_000 } });
  const made = topic(store, 1, { encoding: "raw", deliveryClass: "event" });
  for (let i = 0; i < 60_000; i++) {
    assert(store.recorder.event(sample(made, T0 + i, random(1000)), "p", i + 1));
    if (i % 500 === 499) await store.recorder.flush();
    if (i % 10_000 === 9999) {
      await store.maintain();
      assert(statSync(`${folder.dir}/tidegate.db`).size <= maxBytes);
    }
  }
  const status = await store.status();
  assert(status.removedSamples > 10_000);
  assertEquals(status.samples, 60_000 - status.removedSamples);
  const after = { epoch: store.boot.epoch, offset: 10 };
  const { samples, told } = await replayed(store, { topics: [{ id: 1, after }] });
  assertEquals(samples.length, status.samples);
  assertEquals(told, [{
    kind: "gap",
    topic: 1,
    epoch: store.boot.epoch,
    from: 11,
    to: status.removedSamples,
    reason: "retention",
  }]);
  assertEquals(samples[0]!.offset, status.removedSamples + 1);
  assertEquals(status.oldestUs, samples[0]!.timeUs);
});

for (const mode of MODES) {
  Deno.test(`the file comes back within its limit by itself when working ${mode}`, async () => {
    const maxBytes = 34_000_000;
    await using folder = new Folder(mode);
    const store = await folder.open({ limits: { maxBytes, compactBytes: 1_000_000 } });
    const made = topic(store, 1, { encoding: "raw" });
    for (let i = 0; i < 60_000; i++) {
      assert(store.recorder.state(sample(made, T0 + i, random(1000))));
      if (i % 500 === 499) await store.recorder.flush();
    }
    const deadline = performance.now() + 240_000;
    let status = await store.status();
    while (status.bytes > maxBytes || status.removedSamples === 0) {
      assert(performance.now() < deadline, JSON.stringify(status));
      status = await store.status();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  });
}

Deno.test("samples and sessions older than the limit are removed, and a run that is gone is told", async () => {
  await using folder = new Folder();
  const day = 24 * 3_600_000;
  const limits = { maxAgeMs: day };
  const first = await folder.open({ limits });
  const nowMs = Date.now();
  const old = topic(first, 1, { deliveryClass: "event" });
  for (let i = 1; i <= 100; i++) first.recorder.event(sample(old, (nowMs - 3 * day) * 1000 + i, i), "p", i);
  const session = first.sessionLog.open({
    role: "device",
    tokenId: "t",
    label: "",
    remote: "r",
    transport: "websocket",
  });
  await folder.close(first);
  const second = await folder.open({ limits });
  const made = topic(second, 1, { deliveryClass: "event" });
  for (let i = 1; i <= 5; i++) second.recorder.event(sample(made, nowMs * 1000 + i, i), "p", 100 + i);
  await second.maintain(nowMs);
  const after = { epoch: first.boot.epoch, offset: 40 };
  const { samples, told } = await replayed(second, { topics: [{ id: 1, after }] });
  assertEquals(samples.map((one) => one.offset), [1, 2, 3, 4, 5]);
  assertEquals(told, [
    { kind: "gap", topic: 1, epoch: first.boot.epoch, from: 41, to: 100, reason: "retention" },
    { kind: "epoch", topic: 1, epoch: second.boot.epoch },
  ]);
  assertEquals((await second.session(session.id))?.endReason, "crashed");
  await second.maintain(nowMs + 2 * day);
  assertEquals(await second.session(session.id), undefined);
  assertEquals((await second.status()).samples, 0);
});

Deno.test("an unknown epoch is told, and the current run follows", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const made = topic(store, 1);
  for (let i = 1; i <= 3; i++) store.recorder.state(sample(made, T0 + i, i));
  const after = { epoch: "elsewhere.4", offset: 7 };
  const { samples, told } = await replayed(store, { topics: [{ id: 1, after }] });
  assertEquals(samples.map((one) => one.offset), [1, 2, 3]);
  assertEquals(told, [
    {
      kind: "gap",
      topic: 1,
      epoch: "elsewhere.4",
      from: 8,
      to: Number.MAX_SAFE_INTEGER,
      reason: "epoch",
    },
    { kind: "epoch", topic: 1, epoch: store.boot.epoch },
  ]);
});

Deno.test("events that were never recorded are told as a gap, up to the bound asked for", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const made = topic(store, 1, { deliveryClass: "event" });
  for (let i = 1; i <= 3; i++) store.recorder.event(sample(made, T0 + i, i), "p", i);
  made.lastOffset += 4;
  for (let i = 4; i <= 6; i++) store.recorder.event(sample(made, T0 + i, i), "p", i);
  const { epoch } = store.boot;
  const all = await replayed(store, { topics: [{ id: 1, after: { epoch, offset: 0 } }] });
  assertEquals(all.samples.map((one) => one.offset), [1, 2, 3, 8, 9, 10]);
  assertEquals(all.told, [{ kind: "gap", topic: 1, epoch, from: 4, to: 7, reason: "overload" }]);
  const until = new Map([[1, 5]]);
  const part = await replayed(store, { topics: [{ id: 1, after: { epoch, offset: 1 } }], until });
  assertEquals(part.samples.map((one) => one.offset), [2, 3]);
  assertEquals(part.told, [{ kind: "gap", topic: 1, epoch, from: 4, to: 5, reason: "overload" }]);
});

Deno.test("of each topic the producers that were heard last are kept, across runs", async () => {
  await using folder = new Folder();
  const store = await folder.open();
  const made = topic(store, 1, { encoding: "raw", deliveryClass: "event" });
  const count = MAX_PRODUCERS_PER_TOPIC + 20;
  for (let i = 1; i <= count; i++) {
    assert(store.recorder.event(sample(made, T0 + i, random(8)), `run ${i}`, i));
    await store.recorder.flush();
  }
  await store.maintain();
  await folder.close(store);
  const file = new DatabaseSync(`${folder.dir}/tidegate.db`);
  const { rows } = file.prepare("SELECT count(*) AS rows FROM producers").get() as { rows: number };
  file.close();
  assertEquals(rows, MAX_PRODUCERS_PER_TOPIC);
  const again = await folder.open();
  assertEquals(again.recorder.lastSequence(made, `run ${count}`), count);
  assertEquals(again.recorder.lastSequence(made, "run 1"), 0);
});
