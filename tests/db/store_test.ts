import { assert, assertEquals, assertRejects } from "@std/assert";
import { Topic } from "../../hub/topic.ts";
import { Folder, MODES, replayed, sample, T0, topic } from "./support.ts";

for (const mode of MODES) {
  Deno.test(`store reads back what it recorded when working ${mode}`, async () => {
    await using folder = new Folder(mode);
    const store = await folder.open();
    const [a, b] = [topic(store, 1), topic(store, 2)];
    for (let i = 0; i < 1000; i++) {
      assert(store.recorder.state(sample(i % 3 ? a : b, T0 + i * 1000, i)));
    }
    const { samples, told } = await replayed(store, { topics: [{ id: 1 }, { id: 2 }], fromUs: T0 });
    assertEquals(samples.length, 1000);
    assertEquals(samples.map((s) => s.timeUs), Array.from({ length: 1000 }, (_, i) => T0 + i * 1000));
    assertEquals(told, []);
    await store.maintain();
    assertEquals((await store.status()).chunks, 0);
    const again = await replayed(store, { topics: [{ id: 1 }, { id: 2 }], fromUs: T0 });
    assertEquals(again.samples, samples);
  });

  Deno.test(`recorder tells of each event in order once it is on disk when working ${mode}`, async () => {
    await using folder = new Folder(mode);
    const store = await folder.open();
    const commands = topic(store, 1, { deliveryClass: "event" });
    const told: number[] = [];
    const all = Promise.withResolvers<void>();
    store.recorder.onCommitted((committed, producer, sequence) => {
      assertEquals(producer, "boot-1");
      assertEquals(committed.topic, commands);
      assertEquals(committed.offset, sequence);
      assertEquals(store.recorder.lastSequence(commands, "boot-1") >= sequence, true);
      told.push(sequence);
      if (sequence === 100) all.resolve();
    });
    assertEquals(store.recorder.lastSequence(commands, "boot-1"), 0);
    for (let i = 1; i <= 100; i++) {
      store.recorder.event(sample(commands, T0 + i, i), "boot-1", i);
      assertEquals(store.recorder.acceptedSequence(commands, "boot-1"), i);
      if (i % 10 === 0) await Promise.resolve();
    }
    await all.promise;
    assertEquals(told, Array.from({ length: 100 }, (_, i) => i + 1));
    await folder.close(store);
    const next = await folder.open();
    const [row] = next.boot.topics;
    assertEquals(row?.newest?.offset, 100);
    assertEquals(next.recorder.lastSequence(topic(next, 1, { deliveryClass: "event" }), "boot-1"), 100);
  });

  Deno.test(`recorder tells of events on a topic of an earlier run, not defined anew, when working ${mode}`, async () => {
    await using folder = new Folder(mode);
    const first = await folder.open();
    topic(first, 1, { deliveryClass: "event" });
    await folder.close(first);
    const store = await folder.open();
    const [row] = store.boot.topics;
    const restored = new Topic(row!.id, row!.description, store.boot.epoch);
    const told = Promise.withResolvers<number>();
    store.recorder.onCommitted((committed, _, sequence) => {
      assertEquals(committed.topic, restored);
      told.resolve(sequence);
    });
    store.recorder.event(sample(restored, T0, 1), "boot-2", 1);
    assertEquals(await told.promise, 1);
  });

  Deno.test(`sessions of a run that ended without closing them are crashed when opened again ${mode}`, async () => {
    await using folder = new Folder(mode);
    const store = await folder.open();
    const session = store.sessionLog.open({
      role: "device",
      device: "dev",
      tokenId: "t",
      label: "l",
      remote: "127.0.0.1:1",
      transport: "websocket",
    });
    const totals = {
      framesIn: 1,
      framesOut: 2,
      bytesIn: 3,
      bytesOut: 4,
      samplesIn: 5,
      samplesOut: 6,
      drops: { rate: 7 },
      roundTripUs: 812.5,
    };
    session.event("moved", { to: "webrtc" });
    session.describe({ transport: "webrtc", client: "c/1" });
    session.totals(totals);
    const open = await store.session(session.id);
    assertEquals(open?.transport, "webrtc");
    assertEquals(open?.endedAt, null);
    assertEquals(open?.drops, { rate: 7 });
    assertEquals((await store.sessions({ limit: 10, open: true })).length, 1);
    assertEquals((await store.sessionEvents(session.id)).map((event) => event.kind), ["moved"]);
    await folder.close(store);
    const next = await folder.open();
    assertEquals(next.boot.crashedSessions, 1);
    const closed = await next.session(session.id);
    assertEquals(closed?.endReason, "crashed");
    assertEquals(closed?.endedAt, closed?.lastSeenAt);
    const later = next.sessionLog.open({
      role: "operator",
      tokenId: "t",
      label: "",
      remote: "r",
      transport: "websocket",
    });
    assert(later.number > session.number && later.id > session.id);
    later.close("normal", totals);
    assertEquals((await next.sessions({ limit: 10, endReason: "normal" })).map((row) => row.id), [later.id]);
    assertEquals((await next.sessions({ limit: 10, device: "dev" })).map((row) => row.id), [session.id]);
  });

  Deno.test(`a folder in use is refused with a message that says so ${mode}`, async () => {
    await using folder = new Folder(mode);
    await folder.open();
    await assertRejects(() => folder.open(), Error, "in use by another gateway");
  });

  Deno.test(`tokens, devices and desired values are there after a restart ${mode}`, async () => {
    await using folder = new Folder(mode);
    const store = await folder.open();
    const token = {
      id: "a",
      hash: "h",
      role: "dashboard" as const,
      device: null,
      label: "wall",
      read: ["#"],
      write: ["dev/+"],
      createdAt: 1,
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
    };
    await store.putToken(token);
    await store.putToken({ ...token, revokedAt: 5 });
    await assertRejects(() => store.putToken({ ...token, id: "b" }), Error, "UNIQUE");
    const device = { name: "dev", description: "d", createdAt: 1, lastSeenAt: null, revokedAt: null };
    await store.putDevice(device);
    const desired = { topic: 1, offset: 3, timeUs: T0, payload: new Uint8Array([1, 2]), confirmed: false };
    store.putDesired(desired);
    store.putDesired({ ...desired, confirmed: true });
    await folder.close(store);
    const { boot } = await folder.open();
    assertEquals(boot.tokens, [{ ...token, revokedAt: 5 }]);
    assertEquals(boot.devices, [device]);
    assertEquals(boot.desired.map((row) => ({ ...row, payload: [...row.payload] })), [{
      ...desired,
      payload: [1, 2],
      confirmed: true,
    }] as never);
    assertEquals(boot.gateway, store.boot.gateway);
    assert(boot.epoch !== store.boot.epoch);
  });
}

Deno.test("the newest value of each topic is there after a restart, from chunks and from blocks, with gaps among the ids", async () => {
  await using folder = new Folder();
  const first = await folder.open();
  const ids = Array.from({ length: 300 }, (_, i) => 1 + i * 3);
  const old = ids.map((id) => topic(first, id));
  for (const one of old) for (let n = 0; n < 20; n++) first.recorder.state(sample(one, T0 + n, one.id + n));
  await first.maintain();
  const fresh = old.filter((_, i) => i % 2 === 0);
  for (const one of fresh) first.recorder.state(sample(one, T0 + 100, -one.id));
  const silent = topic(first, 2_000);
  await first.recorder.flush();
  await folder.close(first);
  const { boot } = await folder.open();
  const found = boot.topics.map(({ id, newest }) => [
    id,
    newest?.offset,
    newest && new DataView(newest.payload.slice().buffer).getFloat64(0, true),
  ]);
  const expected = old.map(({ id }, i) => i % 2 === 0 ? [id, 21, -id] : [id, 20, id + 19]);
  assertEquals(found, [...expected, [silent.id, undefined, undefined]]);
});
