/**
 * Messages are taken out of a connection's bytes, and all else goes on as it came, wherever the reads cut it.
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { FrameIntake } from "../../runtime/frame_intake.ts";

const LIMIT = 70_000;
const BINARY = 0x82, TEXT = 0x81, PING = 0x89, BEGIN = 0x02, MORE = 0x00, LAST = 0x80;

interface Sent {
  /** As it is on the wire. */
  frame: Buffer;
  payload: Buffer;
  /** Whether it is a whole binary message that may be taken in. */
  plain: boolean;
}

/** A client's frame, with a mask of four different bytes. */
function framed(first: number, payload: Buffer): Buffer {
  const size = payload.length;
  const head = Buffer.alloc(size < 126 ? 2 : size < 65_536 ? 4 : 10);
  head[0] = first;
  head[1] = 0x80 | (size < 126 ? size : size < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(size, 2);
  if (head.length === 10) head.writeUInt32BE(size, 6);
  const mask = [0x11, 0xa5, 0xff, 0x3c];
  return Buffer.concat([head, Buffer.from(mask), payload.map((byte, i) => byte ^ mask[i % 4]!)]);
}

function sent(first: number, payload: Buffer, plain = first === BINARY && payload.length <= LIMIT): Sent {
  return { frame: framed(first, payload), payload, plain };
}

/** Frames that a client may send, or that must be refused by whoever gets what goes on. */
function sentBy(kinds: readonly { first: number; size: number }[]): Sent[] {
  return kinds.flatMap(({ first, size }, i) => {
    const payload = Buffer.alloc(size, i + 1);
    if (first !== BEGIN) return [sent(first, payload)];
    return [sent(BEGIN, payload), sent(PING, Buffer.from([i])), sent(MORE, payload), sent(LAST, payload)];
  });
}

function take(chunks: readonly Buffer[]): { messages: Buffer[]; other: Buffer } {
  const messages: Buffer[] = [];
  const others: Buffer[] = [];
  const intake = new FrameIntake({
    maxMessageBytes: LIMIT,
    message: (bytes) => messages.push(Buffer.from(bytes)),
    other: (bytes) => others.push(Buffer.from(bytes)),
  });
  for (const chunk of chunks) intake.push(Buffer.from(chunk));
  return { messages, other: Buffer.concat(others) };
}

Deno.test("what one read holds whole is taken in when it is a binary message, and goes on untouched when not", () => {
  const frames = sentBy([
    { first: BINARY, size: 0 },
    { first: BINARY, size: 125 },
    { first: TEXT, size: 126 },
    { first: BINARY, size: 126 },
    { first: PING, size: 3 },
    { first: BEGIN, size: 9 },
    { first: BINARY, size: LIMIT },
    { first: BINARY, size: LIMIT + 1 },
    { first: BINARY, size: 7 },
  ]);
  const { messages, other } = take([Buffer.concat(frames.map(({ frame }) => frame))]);
  assertEquals(messages, frames.filter(({ plain }) => plain).map(({ payload }) => payload));
  assertEquals(other, Buffer.concat(frames.filter(({ plain }) => !plain).map(({ frame }) => frame)));
});

Deno.test("each frame is taken in or goes on, whole and in its turn, wherever the reads cut the bytes", () => {
  const kind = fc.record({
    first: fc.constantFrom(BINARY, BINARY, BINARY, TEXT, PING, BEGIN),
    size: fc.oneof(fc.nat(20), fc.nat(300)),
  });
  fc.assert(fc.property(fc.array(kind, { maxLength: 12 }), fc.array(fc.nat(200)), (kinds, cuts) => {
    const frames = sentBy(kinds);
    const bytes = Buffer.concat(frames.map(({ frame }) => frame));
    const chunks: Buffer[] = [];
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = 1 + (cuts[i] ?? 1_000);
      chunks.push(bytes.subarray(at, at + size));
      at += size;
    }
    const { messages, other } = take(chunks);
    let [taken, passed] = [0, 0];
    for (const { frame, payload, plain } of frames) {
      if (other.subarray(passed, passed + frame.length).equals(frame)) passed += frame.length;
      else {
        assert(plain, "a frame was lost or changed");
        assertEquals(messages[taken++], payload);
      }
    }
    assertEquals([taken, passed], [messages.length, other.length]);
  }));
});

Deno.test("a binary frame amid fragments, one without a mask and one with a reserved bit go on, to be refused", () => {
  const bare = Buffer.from([BINARY, 2, 1, 2]);
  const frames = [
    framed(BEGIN, Buffer.from("a")),
    framed(BINARY, Buffer.from("b")),
    bare,
    framed(0xc2, Buffer.from("c")),
  ];
  const { messages, other } = take(frames);
  assertEquals([messages, other], [[], Buffer.concat(frames)]);
});

Deno.test("nothing is taken in after the end, not even of the same read", () => {
  const messages: number[] = [];
  const intake = new FrameIntake({
    maxMessageBytes: LIMIT,
    message: (bytes) => messages.push(bytes[0]!),
    other: () => intake.end(),
  });
  const [one, ping, two] = [[1], [9], [2]].map((bytes, i) =>
    framed(i === 1 ? PING : BINARY, Buffer.from(bytes))
  );
  intake.push(Buffer.concat([one!, ping!, two!]));
  intake.push(two!);
  assertEquals(messages, [1]);
});
