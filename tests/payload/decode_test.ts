import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { decode } from "../../payload/decode.ts";
import { type PayloadDescription, PayloadError } from "../../payload/payload.ts";
import { hex, unhex } from "../support/hex.ts";

function decoded(description: PayloadDescription, payload: string): unknown {
  return decode(description, unhex(payload));
}

const text = (value: string) => new TextEncoder().encode(value);

Deno.test("decode gives a number for a single float and an array for any other count", () => {
  assertEquals(decoded({ encoding: "f64" }, "000000000000f83f"), 1.5);
  assertEquals(decoded({ encoding: "f32" }, "0000c03f"), 1.5);
  assertEquals(decoded({ encoding: "f32" }, "0000c03f000000c0"), [1.5, -2]);
  assertEquals(decoded({ encoding: "f64" }, ""), []);
});

Deno.test("decode refuses floats whose length is no multiple of their size", () => {
  const error = assertThrows(() => decoded({ encoding: "f64" }, "0102030405"), PayloadError);
  assertEquals([error.what, error.actual, error.limit], [
    "f64 payload length in bytes",
    5,
    "a multiple of 8",
  ]);
});

Deno.test("decode reads every struct field type, arrays and 64-bit integers past 2^53", () => {
  const fields = [
    { name: "u8", type: "u8" },
    { name: "i8", type: "i8" },
    { name: "u16", type: "u16" },
    { name: "i16", type: "i16" },
    { name: "u32", type: "u32" },
    { name: "i32", type: "i32" },
    { name: "u64", type: "u64" },
    { name: "i64", type: "i64", count: 2 },
    { name: "f32", type: "f32" },
    { name: "f64", type: "f64" },
    { name: "bool", type: "bool" },
  ] as const;
  const payload = "ff" + "ff" + "ffff" + "feff" + "ffffffff" + "fdffffff" + "ffffffffffffffff" +
    "ffffffffffffffff" + "0000000000000080" + "0000c03f" + "000000000000f83f" + "02";
  assertEquals(decoded({ encoding: "struct", fields }, payload), {
    u8: 255,
    i8: -1,
    u16: 65535,
    i16: -2,
    u32: 4294967295,
    i32: -3,
    u64: "18446744073709551615",
    i64: [-1, "-9223372036854775808"],
    f32: 1.5,
    f64: 1.5,
    bool: true,
  });
});

Deno.test("decode keeps a struct field named __proto__ as an ordinary property", () => {
  const value = decoded({ encoding: "struct", fields: [{ name: "__proto__", type: "u8" }] }, "07") as object;
  assertEquals(Object.entries(value), [["__proto__", 7]]);
  assertStrictEquals(Object.getPrototypeOf(value), Object.prototype);
});

Deno.test("decode refuses a struct without fields or of another length", () => {
  assertThrows(() => decoded({ encoding: "struct" }, "00"), PayloadError, "at least one declared field");
  const fields = [{ name: "a", type: "u16" }] as const;
  assertThrows(() => decoded({ encoding: "struct", fields }, "00"), PayloadError, "exactly 2");
  assertThrows(() => decoded({ encoding: "struct", fields }, "000000"), PayloadError, "exactly 2");
});

Deno.test("decode returns raw bytes themselves and utf8 with its byte order mark", () => {
  const bytes = unhex("0102");
  assertStrictEquals(decode({ encoding: "raw" }, bytes), bytes);
  assertEquals(decoded({ encoding: "utf8" }, "efbbbf41"), "\ufeffA");
  assertThrows(() => decoded({ encoding: "utf8" }, "c328"), PayloadError, "not UTF-8");
});

Deno.test("decode reads CBOR with integer keys, tags, big numbers and byte strings", () => {
  assertEquals(decoded({ encoding: "cbor" }, "a201020304"), { "1": 2, "3": 4 });
  // 55799(1(1700000000)): self-described, epoch time
  assertEquals(decoded({ encoding: "cbor" }, "d9d9f7c11a6553f100"), 1_700_000_000);
  assertEquals(decoded({ encoding: "cbor" }, "c249010000000000000000"), "18446744073709551616");
  assertEquals(decoded({ encoding: "cbor" }, "c34101"), -2);
  assertEquals(decoded({ encoding: "cbor" }, "1bffffffffffffffff"), "18446744073709551615");
  assertEquals(decoded({ encoding: "cbor" }, "43010203"), unhex("010203"));
  assertEquals(decoded({ encoding: "cbor" }, "9f0102ff"), [1, 2]);
});

Deno.test("decode reads MessagePack with 64-bit integers, times and extensions", () => {
  assertEquals(decoded({ encoding: "msgpack" }, "81a16101"), { a: 1 });
  assertEquals(decoded({ encoding: "msgpack" }, "cfffffffffffffffff"), "18446744073709551615");
  assertEquals(decoded({ encoding: "msgpack" }, "cf0000000000000001"), 1);
  assertEquals(decoded({ encoding: "msgpack" }, "d6ff6553f100"), 1_700_000_000);
  assertEquals(decoded({ encoding: "msgpack" }, "d40509"), unhex("09"));
});

Deno.test("decode refuses nesting beyond its limit in every encoding, however deep", () => {
  for (const depth of [65, 100_000]) {
    assertThrows(
      () => decode({ encoding: "json" }, text("[".repeat(depth) + "]".repeat(depth))),
      PayloadError,
      "JSON nesting",
    );
    for (
      const [encoding, head] of [["cbor", 0x81], ["cbor", 0xc6], ["cbor", 0x9f], ["msgpack", 0x91]] as const
    ) {
      assertThrows(() => decode({ encoding }, new Uint8Array(depth).fill(head)), PayloadError, "nesting");
    }
  }
  const deepest = `${"[".repeat(64)}${"]".repeat(64)}`;
  assertEquals(JSON.stringify(decode({ encoding: "json" }, text(deepest))), deepest);
});

Deno.test("decode refuses announced sizes that the payload cannot hold before reserving memory for them", () => {
  // An array of 2^32 - 1, and arrays of 65,535 within each other.
  assertThrows(() => decoded({ encoding: "msgpack" }, "ddffffffff"), PayloadError, "items announced");
  assertThrows(() => decoded({ encoding: "msgpack" }, "dcffff".repeat(60)), PayloadError, "items announced");
  assertThrows(() => decoded({ encoding: "cbor" }, "9bffffffffffffffff"), PayloadError, "items announced");
  assertThrows(() => decoded({ encoding: "cbor" }, "bb0000ffffffffffff"), PayloadError, "items announced");
  assertThrows(() => decoded({ encoding: "cbor" }, "5b0000ffffffffffff"), PayloadError);
});

Deno.test("decode refuses what follows a complete item", () => {
  assertThrows(() => decoded({ encoding: "cbor" }, "0101"), PayloadError);
  assertThrows(() => decoded({ encoding: "msgpack" }, "0101"), PayloadError);
  assertThrows(() => decode({ encoding: "json" }, text("1 2")), PayloadError);
});

Deno.test("decode does not let a payload change the prototype of anything", () => {
  const json = decode({ encoding: "json" }, text('{"__proto__":{"polluted":1}}')) as object;
  assertStrictEquals(Object.getPrototypeOf(json), Object.prototype);
  const cbor = decoded({ encoding: "cbor" }, `a169${hex(text("__proto__"))}a0`) as object;
  assertStrictEquals(Object.getPrototypeOf(cbor), Object.prototype);
  assertEquals(Object.keys(cbor), ["__proto__"]);
  assertThrows(() => decoded({ encoding: "msgpack" }, `81a9${hex(text("__proto__"))}80`), PayloadError);
});
