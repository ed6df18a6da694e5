import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BatchReader, BatchWriter, FLAG_DIFFERENCES } from "../../protocol/batch.ts";
import { applyDifference, writeDifference } from "../../protocol/difference.ts";
import { DifferenceReceiver } from "../../protocol/difference_receiver.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { KEPT_OVERHEAD_BYTES, KEPT_VALUES } from "../../protocol/limits.ts";
import { Cursor } from "../../protocol/varint.ts";

/** A value, and what became of it: some bytes replaced. */
const change = fc.record({
  base: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  edits: fc.array(fc.tuple(fc.nat(299), fc.uint8Array({ minLength: 1, maxLength: 20 })), { maxLength: 10 }),
}).map(({ base, edits }) => {
  const value = base.slice();
  for (const [at, bytes] of edits) {
    const from = at % base.length;
    value.set(bytes.subarray(0, base.length - from), from);
  }
  return { base, value };
});

Deno.test("a difference makes the value of its baseline, and never takes more than its room", () => {
  fc.assert(
    fc.property(change, fc.nat(320), ({ base, value }, room) => {
      const out = new Uint8Array(400).fill(0xee);
      const end = writeDifference(out, 3, 3 + room, base, value, value.length);
      assert(out.subarray(3 + room).every((byte) => byte === 0xee));
      if (end === undefined) return assert(room < 2 * value.length + 2);
      const patched = new Uint8Array(base.length);
      applyDifference(base, new Cursor(out, 3, end), patched);
      assertEquals(patched, value);
    }),
    { numRuns: 500 },
  );
});

/** A batch with differences: head and rest of each payload. */
function section(
  ...records: { channel?: number; offset: number; head: number; rest: number[] }[]
): Uint8Array {
  const writer = new BatchWriter({ maxBytes: 20_000, feed: 7 });
  writer.flags = FLAG_DIFFERENCES;
  for (const { channel = 1, offset, head, rest } of records) {
    assert(head < 128);
    assert(writer.add(channel, offset, 1_000, new Uint8Array([head, ...rest])));
  }
  return writer.takeCopy();
}

/** A receiver, and the values that it has placed. */
function receiving(keptBytes = 10_000) {
  const receiver = new DifferenceReceiver(keptBytes);
  const placed: number[][] = [];
  const take = (message: number, bytes: Uint8Array) => {
    receiver.begin();
    return receiver.unpack(bytes, message, (batch) => {
      const reader = new BatchReader();
      reader.open(batch);
      assertEquals(reader.feed, 7);
      while (reader.next()) {
        placed.push([reader.channel, reader.sequence, ...batch.subarray(reader.start, reader.end)]);
      }
      return true;
    });
  };
  return { receiver, placed, take };
}

Deno.test("a difference is to the value of its channel in the message that it names", () => {
  const { receiver, placed, take } = receiving();
  assert(
    take(2, section({ offset: 1, head: 1, rest: [1, 2, 3] }, { channel: 9, offset: 5, head: 1, rest: [7] })),
  );
  assert(take(3, section({ offset: 2, head: 0, rest: [9, 9, 9] })));
  assert(take(12, section({ offset: 3, head: 2 * 10, rest: [1, 1, 8] })));
  assertEquals(placed, [[1, 1, 1, 2, 3], [9, 5, 7], [1, 2, 9, 9, 9], [1, 3, 1, 8, 3]]);
  assertEquals(receiver.missing, 0);
});

Deno.test("a difference without its baseline is left out, the others of its message are placed", () => {
  const { receiver, placed, take } = receiving();
  take(2, section({ offset: 1, head: 0, rest: [1, 2, 3] })); // not to be kept
  const both = section({ offset: 2, head: 2, rest: [1, 1, 8] }, {
    channel: 2,
    offset: 1,
    head: 0,
    rest: [5],
  });
  assertEquals(take(3, both), false);
  assertEquals(placed, [[1, 1, 1, 2, 3], [2, 1, 5]]);
  assertEquals(receiver.missing, 1);
});

Deno.test("the newest values of each channel are kept, in the order of their messages, and within the bytes in all", () => {
  const { receiver, take } = receiving();
  const keep = (message: number) => take(message, section({ offset: message, head: 1, rest: [message] }));
  const has = (message: number) =>
    take(100, section({ offset: 100, head: 2 * (100 - message), rest: [0, 1, 42] }));
  for (const message of [50, 52, 53, 54, 55, 51, 51]) keep(message);
  assertEquals([50, 51, 52, 53, 54, 55].filter(has), [52, 53, 54, 55]);
  assertEquals(receiver.heldBytes, KEPT_VALUES * (1 + KEPT_OVERHEAD_BYTES));
  const small = receiving(1_000);
  for (let channel = 1; channel <= 500; channel++) {
    small.take(channel, section({ channel, offset: 1, head: 1, rest: Array(100).fill(channel % 256) }));
    assert(small.receiver.heldBytes <= 1_250);
  }
  assert(
    small.take(501, section({ channel: 500, offset: 2, head: 2, rest: [0, 1, 1] })),
    "the newest is there",
  );
});

Deno.test("a message unfolds to so many bytes and no more", () => {
  const { take } = receiving(100_000);
  take(2, section({ offset: 1, head: 1, rest: Array(8_192).fill(0) }));
  const same = (count: number) =>
    section(...Array.from({ length: count }, (_, i) => ({ offset: 2 + i, head: 2, rest: [] })));
  assert(take(3, same(8)));
  const error = assertThrows(() => take(3, same(9)), ProtocolError, "above the limit");
  assertEquals(error.close.name, "limit_exceeded");
});

Deno.test("whatever comes as a batch with differences is taken or refused as the peer's fault", () => {
  const rows = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 8 });
  const record = fc.record({
    channel: fc.integer({ min: 1, max: 3 }),
    offset: fc.integer({ min: 1, max: 9 }),
    head: fc.integer({ min: 0, max: 12 }),
    rest: fc.oneof(rows, fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 30 })),
  });
  const sections = fc.oneof(
    fc.array(record, { maxLength: 5 }).map((records) => section(...records)),
    fc.uint8Array({ minLength: 10, maxLength: 40 }).map((bytes) => new Uint8Array([1, 2, ...bytes])),
  ).filter(({ length }) => length > 0);
  fc.assert(
    fc.property(fc.array(sections, { maxLength: 20 }), (all) => {
      const receiver = new DifferenceReceiver(2_000);
      all.forEach((bytes, i) => {
        receiver.begin();
        try {
          receiver.unpack(bytes, i + 1, () => true);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
        }
        assert(receiver.heldBytes <= 2_500);
      });
    }),
    { numRuns: 500 },
  );
});
