import { assertEquals } from "@std/assert";
import { decodeAck, encodeAck } from "../../protocol/ack.ts";
import { BatchReader, BatchWriter } from "../../protocol/batch.ts";
import { ackFrame, batchFrame, readFrame, type WireSample } from "./wire.ts";

const SAMPLES: WireSample[] = [
  { channel: 0, sequence: 1, timeUs: 1_700_000_000_000_000, payload: new Uint8Array() },
  { channel: 300, sequence: 2 ** 40, timeUs: 1_699_999_999_999_999, payload: Uint8Array.of(1, 2, 3) },
  {
    channel: 1_048_575,
    sequence: Number.MAX_SAFE_INTEGER,
    timeUs: 1_700_000_360_000_000,
    payload: new Uint8Array(200),
  },
];

Deno.test("batches of the tests' own codec and of the program's are the same bytes", () => {
  const writer = new BatchWriter({ maxBytes: 10_000, feed: 7 });
  for (const { channel, sequence, timeUs, payload } of SAMPLES) {
    writer.add(channel, sequence, timeUs, payload);
  }
  const frame = writer.takeCopy();
  assertEquals(batchFrame(SAMPLES, 7), frame);
  assertEquals(readFrame(frame), { kind: "batch", feed: 7, recorded: false, samples: SAMPLES });
  const reader = new BatchReader();
  reader.open(batchFrame([{ channel: 1, sequence: 2, payload: Uint8Array.of(9) }]));
  assertEquals([reader.next(), reader.channel, reader.sequence, reader.timeUs], [true, 1, 2, 0]);
});

Deno.test("acknowledgements of the tests' own codec and of the program's are the same bytes", () => {
  const acks = [{ channel: 3, sequence: 400 }, { channel: 1_048_575, sequence: 2 ** 50 }];
  assertEquals(ackFrame(acks), encodeAck(acks));
  assertEquals(readFrame(encodeAck(acks)), { kind: "ack", acks });
  assertEquals(decodeAck(ackFrame(acks)), acks);
});
