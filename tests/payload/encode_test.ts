import { assertEquals, assertThrows } from "@std/assert";
import { encode } from "../../payload/encode.ts";
import { type PayloadDescription, PayloadError } from "../../payload/payload.ts";
import { hex } from "../support/hex.ts";

const encoded = (description: PayloadDescription, value: unknown) => hex(encode(description, value));

Deno.test("encode writes floats, text and raw bytes", () => {
  assertEquals(encoded({ encoding: "f32" }, 1.5), "0000c03f");
  assertEquals(encoded({ encoding: "f32" }, [1.5, -2]), "0000c03f000000c0");
  assertEquals(encoded({ encoding: "f64" }, new Float64Array([1.5])), "000000000000f83f");
  assertEquals(encoded({ encoding: "utf8" }, "é"), "c3a9");
  assertEquals(encoded({ encoding: "utf8" }, 23.5), "32332e35");
  assertEquals(encoded({ encoding: "raw" }, [1, 255]), "01ff");
});

Deno.test("encode writes struct fields in declared order whatever the order of the properties", () => {
  const fields = [{ name: "a", type: "u16" }, { name: "b", type: "i64" }, {
    name: "c",
    type: "bool",
    count: 2,
  }] as const;
  assertEquals(
    encoded({ encoding: "struct", fields }, { c: [true, false], b: "-2", a: 258 }),
    "0201" + "feffffffffffffff" + "0100",
  );
});

const u8 = [{ name: "a", type: "u8" }] as const;
const refused: [string, PayloadDescription, unknown][] = [
  ["a float that is text", { encoding: "f64" }, "1"],
  ["floats with a hole", { encoding: "f32" }, [1, null]],
  ["a struct without fields", { encoding: "struct" }, {}],
  ["a struct that is an array", { encoding: "struct", fields: u8 }, [1]],
  ["a struct with a field missing", { encoding: "struct", fields: u8 }, { b: 1 }],
  ["a struct with an inherited field only", {
    encoding: "struct",
    fields: [{ name: "toString", type: "u8" }],
  }, {}],
  ["a struct field out of range", { encoding: "struct", fields: u8 }, { a: 256 }],
  ["a struct field with a fraction", { encoding: "struct", fields: u8 }, { a: 1.5 }],
  ["a struct field of another count", { encoding: "struct", fields: [{ name: "a", type: "u8", count: 2 }] }, {
    a: [1],
  }],
  ["a struct above the payload limit", {
    encoding: "struct",
    fields: [{ name: "a", type: "f64", count: 65_536 }],
  }, { a: [] }],
  ["text with a lone surrogate", { encoding: "utf8" }, "\ud800"],
  ["text above the payload limit", { encoding: "utf8" }, "x".repeat(131_073)],
  ["raw that is text", { encoding: "raw" }, "AQI="],
  ["raw with a number above 255", { encoding: "raw" }, [256]],
  ["undefined as JSON", { encoding: "json" }, undefined],
  ["a function as JSON", { encoding: "json" }, () => 1],
  ["a bigint as JSON", { encoding: "json" }, 1n],
  ["a function as CBOR", { encoding: "cbor" }, [() => 1]],
  ["a function as MessagePack", { encoding: "msgpack" }, () => 1],
];
for (const [what, description, value] of refused) {
  Deno.test(`encode refuses ${what}`, () => {
    assertThrows(() => encode(description, value), PayloadError);
  });
}

Deno.test("encode refuses a value that contains itself in every self-describing encoding", () => {
  const loop: unknown[] = [];
  loop.push(loop);
  for (const encoding of ["json", "cbor", "msgpack"] as const) {
    assertThrows(() => encode({ encoding }, loop), PayloadError, "nesting");
  }
});
