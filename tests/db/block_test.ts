import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeBlock, encodeBlock } from "../../db/block.ts";
import { Columns } from "../../db/columns.ts";
import { ChunkReader, ChunkWriter } from "../../db/chunk.ts";
import { pack, unpack } from "../../db/compression.ts";
import { Topic } from "../../hub/topic.ts";

const row = fc.record({
  gap: fc.constantFrom(1, 1, 1, 2, 1_000_000),
  timeUs: fc.oneof(fc.nat(), fc.maxSafeNat().map((n) => Math.floor(n / 4))),
  session: fc.constantFrom(1, 1, 1, 2, 4_000_000_000),
  payload: fc.oneof(fc.constant(new Uint8Array(8)), fc.uint8Array({ maxLength: 200 })),
});

function columnsOf(rows: { gap: number; timeUs: number; session: number; payload: Uint8Array }[]): Columns {
  const columns = new Columns();
  let offset = 0;
  for (const { gap, timeUs, session, payload } of rows) {
    columns.push(offset += gap, timeUs, session, payload, 0, payload.length);
  }
  return columns;
}

const rowsOf = (columns: Columns) =>
  Array.from({ length: columns.count }, (_, i) => ({
    offset: columns.offsets[i],
    timeUs: columns.timesUs[i],
    session: columns.sessions[i],
    payload: columns.payload(i).slice(),
  }));

Deno.test("a block decodes to what it was made from, whole or in part", () => {
  fc.assert(fc.property(fc.array(row, { minLength: 1, maxLength: 100 }), fc.nat(), fc.nat(), (rows, a, b) => {
    const columns = columnsOf(rows);
    const from = a % rows.length;
    const to = from + 1 + b % (rows.length - from);
    const raw = encodeBlock(columns, from, to);
    assertEquals(rowsOf(decodeBlock(unpack(pack(raw)))), rowsOf(columns).slice(from, to));
  }));
});

Deno.test("a block that is cut short is reported as damage", () => {
  const raw = encodeBlock(columnsOf([{ gap: 1, timeUs: 1, session: 1, payload: new Uint8Array(9) }]));
  assertThrows(() => decodeBlock(raw.subarray(0, raw.length - 1)), Error, "damaged");
});

Deno.test("a chunk gives back states and events as they were written, and says when it is full", () => {
  const event = fc.option(fc.record({ producer: fc.string({ maxLength: 64 }), sequence: fc.maxSafeNat() }));
  fc.assert(fc.property(fc.array(fc.tuple(row, event), { minLength: 1, maxLength: 200 }), (entries) => {
    const writer = new ChunkWriter(new Uint8Array(16_384));
    const written: unknown[] = [];
    for (const [i, [{ timeUs, session, payload }, event]] of entries.entries()) {
      const topic = new Topic(i * 1000, {
        name: "d/t",
        deliveryClass: event ? "event" : "state",
        encoding: "raw",
        writable: false,
      }, "g.1");
      const lent = { topic, offset: i + 1, timeUs, session, bytes: payload, start: 0, end: payload.length };
      const fits = event ? writer.event(lent, event.producer, event.sequence) : writer.state(lent);
      if (!fits) break;
      written.push({ topic: i * 1000, offset: i + 1, timeUs, session, payload, ...(event ?? {}) });
    }
    assertEquals(writer.count, written.length);
    const reader = new ChunkReader(writer.bytes.subarray(0, writer.length));
    const read: unknown[] = [];
    while (reader.next()) {
      const { topic, offset, timeUs, session, start, end } = reader;
      const payload = reader.bytes.slice(start, end);
      const event = reader.isEvent ? { producer: reader.producer, sequence: reader.sequence } : {};
      read.push({ topic, offset, timeUs, session, payload, ...event });
    }
    assertEquals(read, written);
  }));
});
