import { assertEquals, assertThrows } from "@std/assert";
import { BatchWriter } from "../../protocol/batch.ts";
import type { Shape } from "../../bench/load/client.ts";
import { type Cut, Frames } from "../../bench/load/frames.ts";
import { packetsCut } from "../../bench/load/mqtt.ts";
import { linesCut, NatsPublisher } from "../../bench/load/nats.ts";
import { Outgoing } from "../../bench/load/outgoing.ts";
import { walkBatch } from "../../bench/load/tidegate.ts";
import { addHeader, BINARY, frame, framesCut } from "../../bench/load/websocket.ts";
import { Wire } from "../../bench/load/wire.ts";
import { FakeKernel } from "./fake_kernel.ts";

const encoder = new TextEncoder();
const shape: Shape = { bytes: 16, perWrite: 2, topicsPerPublisher: 2, qos: 0, events: false };

/** Feeds a stream in pieces of each size, from single bytes to all at once. */
function inPieces(stream: Uint8Array, make: () => Cut, check: () => void): void {
  for (let size = 1; size <= stream.length; size++) {
    const frames = new Frames(make());
    for (let at = 0; at < stream.length; at += size) frames.push(stream.slice(at, at + size));
    check();
  }
}

Deno.test("linesCut finds every NATS sample wherever the stream is cut, and answers pings", () => {
  const publisher = new NatsPublisher(new Wire(0, new FakeKernel(), () => 0), 3, shape);
  const sent = new TextDecoder("latin1").decode(publisher.encode(42, 2)).replaceAll("PUB ", "MSG ");
  // What a server delivers names the subscription too.
  const lines = `INFO {"a":1}\r\nPONG\r\n${sent.replaceAll(/(bench-3\.bench\.\d) /g, "$1 7 ")}PING\r\n`;
  const stream = Uint8Array.from(lines, (char) => char.charCodeAt(0));
  let samples: number[] = [], pings = 0, pongs = 0;
  const onSample = (bytes: Uint8Array, start: number) => {
    samples.push(new DataView(bytes.buffer, bytes.byteOffset + start).getFloat64(0, true));
  };
  inPieces(stream, () => linesCut(onSample, () => pongs++, () => pings++), () => {
    assertEquals([samples, pings, pongs], [[42, 42, 42, 42], 1, 1]);
    samples = [], pings = 0, pongs = 0;
  });
});

Deno.test("packetsCut finds every MQTT sample wherever the stream is cut", () => {
  const long = new Uint8Array(200).fill(7);
  const publish = (payload: Uint8Array) => {
    const left = 2 + 1 + payload.length;
    const length = left < 128 ? [left] : [left % 128 | 128, left >> 7];
    return [0x30, ...length, 0, 1, 0x61, ...payload];
  };
  const stream = Uint8Array.from([0x90, 3, 0, 1, 0, ...publish(Uint8Array.of(9)), ...publish(long)]);
  let samples: number[] = [], others: number[] = [];
  const make = () => packetsCut((bytes, start) => samples.push(bytes[start]!), (type) => others.push(type));
  inPieces(stream, make, () => {
    assertEquals([samples, others], [[9, 7], [9]]);
    samples = [], others = [];
  });
});

Deno.test("framesCut finds messages of every length wherever the stream is cut", () => {
  const message = (size: number) => {
    const head = size < 126 ? [size] : [126, size >> 8, size & 0xff];
    return [0x82, ...head, ...new Uint8Array(size).fill(size)];
  };
  const stream = Uint8Array.from([...message(5), 0x89, 1, 33, ...message(126), ...message(300)]);
  let sizes: number[] = [], pings: number[] = [];
  const make = () =>
    framesCut((_, _bytes, start, end) => sizes.push(end - start), ([byte]) => pings.push(byte!));
  inPieces(stream, make, () => {
    assertEquals([sizes, pings], [[5, 126, 300], [33]]);
    sizes = [], pings = [];
  });
});

Deno.test("addHeader writes the header of RFC 6455 for each range of lengths, masked with zeros", () => {
  assertEquals([...frame(BINARY, encoder.encode("ab"))], [0x82, 0x82, 0, 0, 0, 0, 97, 98]);
  const headerOf = (size: number) => {
    const out = new Outgoing();
    addHeader(out, BINARY, size);
    return [...out.take()];
  };
  assertEquals(headerOf(300), [0x82, 0xfe, 1, 44, 0, 0, 0, 0]);
  assertEquals(headerOf(70_000), [0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x70, 0, 0, 0, 0]);
});

Deno.test("walkBatch finds the payloads of a batch inside a larger read, and refuses one that is cut", () => {
  const writer = new BatchWriter({ maxBytes: 10_000, feed: 200 });
  for (let i = 0; i < 40; i++) {
    writer.add(i * 10, 1 + i * 100, 1_700_000_000_000_000 + i, new Uint8Array(i * 5).fill(i));
  }
  const batch = writer.takeCopy();
  const read = new Uint8Array(batch.length + 20);
  read.set(batch, 10);
  const found: number[] = [];
  walkBatch(read, 10, 10 + batch.length, (bytes, start) => found.push(bytes[start]!));
  assertEquals(found.slice(1), Array.from({ length: 39 }, (_, i) => i + 1));
  assertThrows(() => walkBatch(read, 10, 9 + batch.length, () => {}), Error, "ends 1 bytes inside a sample");
});
