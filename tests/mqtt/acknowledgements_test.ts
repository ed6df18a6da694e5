/** Answers of a broker, taken out of its stream wherever its pieces begin and end. */
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Acknowledgements } from "../../mqtt/bridge/acknowledgements.ts";

const OWN = 1_024;

interface Packet {
  bytes: number[];
  /** Type, id and code, where it is an answer to a message of our own. */
  own?: [type: number, id: number, code: number];
}

const id = fc.integer({ min: 1, max: 0xffff });

const answer = fc.record({
  type: fc.constantFrom(4, 5, 7),
  id,
  code: fc.constantFrom(0, 16, 128, 151),
  words: fc.nat({ max: 200 }),
  short: fc.boolean(),
}).map(({ type, id, code, words, short }): Packet => {
  const body = short
    ? [id >> 8, id & 0xff]
    : [id >> 8, id & 0xff, code, ...Array.from({ length: words }, (_, i) => i)];
  return {
    bytes: [type << 4, ...length(body.length), ...body],
    ...(id >= OWN ? { own: [type, id, short ? 0 : code] } : {}),
  };
});

const other = fc.record({
  first: fc.constantFrom(0x20, 0x30, 0x32, 0x90, 0xd0),
  size: fc.nat({ max: 20_000 }),
})
  .map(({ first, size }): Packet => ({
    bytes: [first, ...length(size), ...Array.from({ length: size }, (_, i) => i & 0xff)],
  }));

function length(bytes: number): number[] {
  const digits: number[] = [];
  do {
    digits.push((bytes % 128) | (bytes > 127 ? 128 : 0));
    bytes = Math.floor(bytes / 128);
  } while (bytes > 0);
  return digits;
}

Deno.test("answers to our own messages are told, and all else is passed on byte for byte, wherever it is cut", () => {
  const packets = fc.array(fc.oneof(answer, answer, other), { maxLength: 12 });
  fc.assert(
    fc.property(packets, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (packets, pieces) => {
      const answered: number[][] = [];
      const passed: number[] = [];
      const acks = new Acknowledgements(
        OWN,
        (...one) => answered.push(one),
        (bytes) => bytes.forEach((byte) => passed.push(byte)),
      );
      const all = Buffer.from(packets.flatMap(({ bytes }) => bytes));
      for (let at = 0, i = 0; at < all.length; i++) {
        const end = Math.min(all.length, at + pieces[i % pieces.length]!);
        // Pieces are lent: what is kept must be a copy.
        const piece = Buffer.from(all.subarray(at, end));
        acks.push(piece);
        at = end;
      }
      assertEquals(answered, packets.flatMap(({ own }) => own ? [own] : []));
      assertEquals(passed, packets.flatMap(({ own, bytes }) => own ? [] : bytes));
    }),
    { numRuns: 200 },
  );
});

Deno.test("a length that is none goes to the library, which ends the connection", () => {
  const passed: number[] = [];
  const acks = new Acknowledgements(OWN, () => {}, (bytes) => passed.push(...bytes));
  acks.push(Buffer.from([0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2]));
  acks.push(Buffer.from([0x40, 2, 8, 8]));
  assertEquals(passed, [0x40, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 0x40, 2, 8, 8]);
});
