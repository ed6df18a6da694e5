import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BatchReader, BatchWriter, MAX_RECORD_OVERHEAD_BYTES } from "../../protocol/batch.ts";
import { CLOSE } from "../../protocol/close_codes.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocol/limits.ts";
import { hex, unhex } from "../support/hex.ts";

interface Sample {
  channel: number;
  sequence: number;
  timeUs: number;
  payload: string;
}

function read(frame: Uint8Array): { feed: number; recorded: boolean; samples: Sample[] } {
  const reader = new BatchReader();
  reader.open(frame);
  const samples: Sample[] = [];
  while (reader.next()) {
    const { channel, sequence, timeUs } = reader;
    samples.push({ channel, sequence, timeUs, payload: hex(frame.subarray(reader.start, reader.end)) });
  }
  return { feed: reader.feed, recorded: reader.recorded, samples };
}

const sample = fc.record({
  channel: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 1_048_575 })),
  sequence: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.maxSafeNat()),
  timeUs: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1.7e15, max: 1.8e15 }), fc.maxSafeNat()),
  payload: fc.uint8Array({ maxLength: 100 }).map(hex),
}, { noNullPrototype: true });

/** Writes the samples into as many batches as it takes; those that no batch can hold are left out. */
function write(samples: Sample[], options: ConstructorParameters<typeof BatchWriter>[0]) {
  const writer = new BatchWriter(options);
  const frames: Uint8Array[] = [];
  const kept: Sample[] = [];
  for (const sample of samples) {
    const add = () => writer.add(sample.channel, sample.sequence, sample.timeUs, unhex(sample.payload));
    let added = add();
    if (!added && writer.count > 0) {
      frames.push(writer.takeCopy());
      added = add();
    }
    if (added) kept.push(sample);
  }
  if (writer.count > 0) frames.push(writer.takeCopy());
  return { frames, kept };
}

Deno.test("samples of any kind come back in order from batches, none of which is above maxBytes", () => {
  const options = fc.record({
    maxBytes: fc.integer({ min: 0, max: 5_000 }),
    feed: fc.nat(),
    recorded: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(sample, { maxLength: 60 }), options, (samples, options) => {
      const { frames, kept } = write(samples, options);
      const found: Sample[] = [];
      for (const frame of frames) {
        assert(frame.length <= options.maxBytes, `${frame.length} is above ${options.maxBytes}`);
        const { feed, recorded, samples } = read(frame);
        assertEquals({ feed, recorded }, { feed: options.feed, recorded: options.recorded });
        found.push(...samples);
      }
      assertEquals(found, kept);
      if (options.maxBytes >= 100 + MAX_RECORD_OVERHEAD_BYTES) assertEquals(kept, samples);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("a batch cut anywhere but behind a sample is refused with bad_frame, never anything else", () => {
  fc.assert(fc.property(fc.array(sample, { minLength: 1, maxLength: 8 }), (samples) => {
    const writer = new BatchWriter({ maxBytes: 10_000 });
    const ends = new Set<number>();
    for (const { channel, sequence, timeUs, payload } of samples) {
      if (writer.add(channel, sequence, timeUs, unhex(payload))) ends.add(writer.length);
    }
    const whole = writer.takeCopy();
    for (let end = 0; end < whole.length; end++) {
      if (ends.has(end) || end === 11) continue; // 11: a header without samples is a batch too
      const error = assertThrows(() => read(whole.subarray(0, end)), ProtocolError);
      assertEquals(error.close, CLOSE.badFrame);
    }
  }));
});

Deno.test("BatchReader throws nothing but ProtocolError on random bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.uint8Array({ maxLength: 64 }).map((tail) => Uint8Array.of(1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, ...tail)),
  );
  fc.assert(
    fc.property(bytes, (frame) => {
      try {
        for (const { timeUs, sequence } of read(frame).samples) {
          assert(Number.isSafeInteger(timeUs) && timeUs >= 0 && Number.isSafeInteger(sequence));
        }
      } catch (error) {
        assert(error instanceof ProtocolError, String(error));
      }
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("a header without samples is an empty batch", () => {
  assertEquals(read(unhex("01 00 0000000000000000 07")), { feed: 7, recorded: false, samples: [] });
});

Deno.test("samples with base time 0 have time 0 whatever their own part says", () => {
  const { samples } = read(unhex("01 00 0000000000000000 00" + "01 01 c801 00"));
  assertEquals(samples, [{ channel: 1, sequence: 1, timeUs: 0, payload: "" }]);
});

Deno.test("BatchWriter keeps stamped and unstamped samples apart, since the base time tells which they are", () => {
  const writer = new BatchWriter({ maxBytes: 100 });
  assert(writer.add(1, 1, 0, new Uint8Array()));
  assert(!writer.add(1, 2, 5, new Uint8Array()));
  assert(writer.add(1, 2, 0, new Uint8Array()));
  assertEquals(writer.count, 2);
});

Deno.test("BatchWriter starts another batch where a time is too far from the base time to be written", () => {
  const writer = new BatchWriter({ maxBytes: 100 });
  assert(writer.add(1, 1, 1, new Uint8Array()));
  assert(!writer.add(1, 2, Number.MAX_SAFE_INTEGER, new Uint8Array()));
  writer.takeCopy();
  assert(writer.add(1, 2, Number.MAX_SAFE_INTEGER, new Uint8Array()));
  assertEquals(read(writer.takeCopy()).samples[0]!.timeUs, Number.MAX_SAFE_INTEGER);
});

Deno.test("BatchWriter turns down a payload that no reader would take, even when it is empty", () => {
  const writer = new BatchWriter({ maxBytes: 1_000_000 });
  assert(!writer.add(1, 1, 1, new Uint8Array(MAX_PAYLOAD_BYTES + 1)));
  assertEquals(writer.count, 0);
  assert(writer.add(1, 1, 1, new Uint8Array(MAX_PAYLOAD_BYTES)));
  assertEquals(read(writer.takeCopy()).samples.length, 1);
});

Deno.test("BatchWriter throws on numbers that cannot be written", () => {
  const writer = new BatchWriter({ maxBytes: 100 });
  for (const bad of [-1, NaN, Infinity, 2 ** 53]) {
    assertThrows(() => writer.add(1, bad, 1, new Uint8Array()), RangeError);
    assertThrows(() => writer.add(1, 1, bad, new Uint8Array()), RangeError);
  }
  assertThrows(() => writer.add(-1, 1, 1, new Uint8Array()), RangeError);
  assert(writer.add(1, 1, 1.75, new Uint8Array()));
  assertEquals(read(writer.takeCopy()).samples[0]!.timeUs, 1);
});

Deno.test("takeBorrowed and takeCopy give the same bytes, and a copy survives the next batch", () => {
  const one = new BatchWriter({ maxBytes: 100 });
  const two = new BatchWriter({ maxBytes: 100 });
  for (const writer of [one, two]) writer.add(1, 2, 3, unhex("0102030405"), 1, 4);
  const copy = one.takeCopy();
  assertEquals(hex(two.takeBorrowed()), hex(copy));
  one.add(9, 9, 9, unhex("ffffff"));
  assertEquals(read(copy).samples, [{ channel: 1, sequence: 2, timeUs: 3, payload: "020304" }]);
});
