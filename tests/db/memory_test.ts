/** Memory outside the runtime's heap that is given back at once, and what must not be given back. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CODEC, pack, releasePacked, unpack } from "../../db/compression.ts";
import { release } from "../../db/release.ts";
import { CachingDatabase } from "../../db/statements.ts";

const zeros = () => new Uint8Array(100_000);
const noise = () => crypto.getRandomValues(new Uint8Array(60_000));

Deno.test("a released buffer is empty at once, a small one is left alone", () => {
  const large = new Uint8Array(100_000);
  release(large.subarray(10));
  assertEquals(large.length, 0);
  const small = new Uint8Array(1_000);
  release(small);
  assertEquals(small.length, 1_000);
});

Deno.test("what was packed comes out as it went in, in one buffer that is hardly larger, whether it shrinks or not", () => {
  for (const raw of [zeros(), noise(), noise().subarray(0, 50), zeros().subarray(5, 300)]) {
    const packed = pack(raw);
    assertEquals(packed.rawBytes, raw.length);
    const back = unpack(packed);
    assertEquals(back, raw);
    if (raw.length > 16_384) assert(back.buffer.byteLength <= raw.length * 1.01 + 1_024);
  }
});

Deno.test("releasing what was packed leaves the samples themselves when they are stored as they are", () => {
  const [shrinks, stays] = [zeros(), noise()];
  const packed = [pack(shrinks), pack(stays)];
  assertEquals(packed.map(({ codec }) => codec), [CODEC.zstd, CODEC.stored]);
  packed.forEach(releasePacked);
  assertEquals([shrinks.length, stays.length], [100_000, 60_000]);
});

Deno.test("a statement is compiled once for each text, goes on after a change of the schema, and is bounded", () => {
  const database = new CachingDatabase(":memory:");
  database.exec("CREATE TABLE t (a INTEGER)");
  database.exec("INSERT INTO t VALUES (1)");
  const all = database.prepare("SELECT * FROM t");
  assertEquals({ ...all.get() }, { a: 1 });
  database.exec("ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 2");
  assertEquals(database.prepare("SELECT * FROM t"), all);
  assertEquals({ ...all.get() }, { a: 1, b: 2 });
  for (let i = 0; i < 600; i++) database.prepare(`SELECT ${i}`);
  assert(database.prepare("SELECT * FROM t") !== all, "kept though 600 others came after it");
  assertEquals({ ...all.get() }, { a: 1, b: 2 });
  assertThrows(() => database.prepare("SELECT x FROM nowhere"), Error, "nowhere");
  database.close();
});
