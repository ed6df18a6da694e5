import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeValue, encoderOf, type Value } from "../../client/mod.ts";
import { ENCODINGS, FIELD_TYPES, type StructField } from "../../protocol/control.ts";

const round = (value: Value, ...[encoding, fields]: [typeof ENCODINGS[number], StructField[]?]) =>
  decodeValue(encoderOf(encoding, fields)(value).slice(), encoding, fields);

Deno.test("values survive encoding and decoding", () => {
  assertEquals(round(1.5, "f32"), 1.5);
  assertEquals(round(0.1, "f64"), 0.1);
  assertEquals(round([1, 2, 3], "f64"), [1, 2, 3]);
  assertEquals(round(new Float32Array([1, 2]), "f32"), [1, 2]);
  assertEquals(round("grüß dich", "utf8"), "grüß dich");
  assertEquals(round({ a: [1, null] }, "json"), { a: [1, null] });
});

Deno.test("bytes pass through every encoding unchanged", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  for (const encoding of ENCODINGS) assertEquals(encoderOf(encoding, [])(bytes), bytes);
});

Deno.test("a shorter value after a longer one has its own length", () => {
  const encode = encoderOf("f64");
  assertEquals(encode([1, 2, 3]).length, 24);
  assertEquals(encode(1).length, 8);
  assertEquals(encode([1, 2]).length, 16);
});

Deno.test("structs of any fields survive", () => {
  const big = (type: string) => type === "u64" || type === "i64";
  const valueOf = (type: string): fc.Arbitrary<number | bigint | boolean> =>
    type === "bool" ? fc.boolean() : big(type) ? fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }) : fc.nat(127);
  const field = fc.constantFrom(...FIELD_TYPES).chain((type) =>
    fc.integer({ min: 1, max: 3 }).chain((count) =>
      fc.tuple(
        fc.constant({ type, count }),
        count === 1 ? valueOf(type) : fc.array(valueOf(type), { minLength: count, maxLength: count }),
      )
    )
  );
  fc.assert(fc.property(fc.array(field, { maxLength: 8 }), (list) => {
    const fields = list.map(([one], i) => ({ name: `f${i}`, ...one }));
    const value = Object.fromEntries(list.map(([, held], i) => [`f${i}`, held]));
    assertEquals(round(value, "struct", fields), value as unknown);
  }));
});

Deno.test("a value of the wrong kind is refused with what the encoding takes", () => {
  assertThrows(
    () => encoderOf("f64")("x"),
    TypeError,
    "encoding f64 takes a number or a list of numbers, got string",
  );
  assertThrows(() => encoderOf("utf8")(1), TypeError, "takes a string");
  assertThrows(() => encoderOf("cbor")({}), TypeError, "takes a Uint8Array");
  assertThrows(() => encoderOf("struct", [{ name: "a", type: "u8" }])({}), TypeError, '"a" is missing');
});

Deno.test("a payload that is not what its encoding says is a TypeError", () => {
  assertThrows(() => decodeValue(new Uint8Array(3), "f32"), TypeError);
  assertThrows(() => decodeValue(new Uint8Array([0xff]), "utf8"), TypeError);
  assertThrows(() => decodeValue(new Uint8Array([0x7b]), "json"), TypeError);
  assertThrows(() => decodeValue(new Uint8Array(3), "struct", [{ name: "a", type: "u16" }]), TypeError);
});
