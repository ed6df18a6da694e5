import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProtocolError } from "../../protocol/errors.ts";
import {
  Cursor,
  MAX_VARINT_BYTES,
  unzigzag,
  varintLength,
  writeVarint,
  zigzag,
} from "../../protocol/varint.ts";
import { hex, unhex } from "../support/hex.ts";

function written(value: number): Uint8Array {
  const bytes = new Uint8Array(MAX_VARINT_BYTES);
  return bytes.slice(0, writeVarint(bytes, 0, value));
}

/** Whole numbers of every magnitude, and those beside the powers of two where encoders change their way. */
const whole = fc.oneof(
  fc.maxSafeNat(),
  fc.tuple(fc.integer({ min: 0, max: 53 }), fc.integer({ min: -2, max: 2 })).map(([power, beside]) =>
    Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, 2 ** power + beside))
  ),
);

Deno.test("a varint of any whole number up to 2^53 - 1 comes back as it went, in the length foretold", () => {
  fc.assert(
    fc.property(whole, (value) => {
      const bytes = written(value);
      assertEquals(bytes.length, varintLength(value));
      assertEquals(new Cursor(bytes).varint(), value);
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("a varint has seven bits a byte, the lowest first", () => {
  for (
    const [value, text] of [
      [0, "00"],
      [127, "7f"],
      [128, "8001"],
      [300, "ac02"],
      [2 ** 28 - 1, "ffffff7f"],
      [2 ** 28, "8080808001"],
      [2 ** 53 - 1, "ffffffffffffff0f"],
    ] as const
  ) {
    assertEquals(hex(written(value)), text);
  }
});

for (
  const [what, text] of [
    ["2^53", "8080808080808010"],
    ["nine bytes", "ffffffffffffffff01"],
    ["a padded zero", "8000"],
    ["a padded one", "818000"],
    ["no bytes", ""],
    ["no last byte", "ff"],
  ] as const
) {
  Deno.test(`Cursor refuses a varint of ${what}`, () => {
    assertThrows(() => new Cursor(unhex(text)).varint(), ProtocolError);
  });
}

Deno.test("zigzag of any number up to 2^52 either way comes back as it went and is never negative", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 }), (value) => {
      const folded = zigzag(value);
      assertEquals(Number.isSafeInteger(folded) && folded >= 0, true);
      assertEquals(unzigzag(folded), value);
    }),
    { examples: [[0], [-1], [1], [-(2 ** 52)], [2 ** 52 - 1]] },
  );
});
