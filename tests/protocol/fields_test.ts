import { assertEquals, assertStringIncludes } from "@std/assert";
import { FIELD_BYTES, fieldsProblem, structBytes } from "../../protocol/fields.ts";
import { FIELD_TYPES } from "../../protocol/control.ts";

Deno.test("structBytes adds up the fields without padding", () => {
  assertEquals(structBytes([{ name: "a", type: "u8" }, { name: "b", type: "f64", count: 3 }]), 25);
  assertEquals(Object.keys(FIELD_BYTES), [...FIELD_TYPES]);
});

Deno.test("fieldsProblem names missing fields, repeated names and payloads that are too long", () => {
  assertStringIncludes(fieldsProblem(undefined)!, "at least one");
  assertStringIncludes(fieldsProblem([])!, "at least one");
  assertStringIncludes(fieldsProblem([{ name: "a", type: "u8" }, { name: "a", type: "u8" }])!, '"a"');
  assertStringIncludes(fieldsProblem([{ name: "a", type: "f64", count: 65_536 }])!, "524288 bytes");
  assertEquals(fieldsProblem([{ name: "a", type: "u8" }]), undefined);
});
