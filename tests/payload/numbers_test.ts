import { assertEquals } from "@std/assert";
import { numbers } from "../../payload/numbers.ts";

Deno.test("numbers names values by their path, a lone one 'value'", () => {
  assertEquals(numbers(1.5), { value: 1.5 });
  assertEquals(numbers([1, 2]), { "0": 1, "1": 2 });
  assertEquals(numbers({ cpu: [0.1, 0.2], memory: { free: 3 }, ok: true, off: false }), {
    "cpu.0": 0.1,
    "cpu.1": 0.2,
    "memory.free": 3,
    ok: 1,
    off: 0,
  });
});

Deno.test("numbers takes text that is one decimal number and nothing else", () => {
  assertEquals(numbers("23.5\n"), { value: 23.5 });
  assertEquals(numbers({ big: "18446744073709551615", exponent: "-1e3" }), {
    big: 18446744073709551615,
    exponent: -1000,
  });
  for (const text of ["", " ", "1,5", "0x10", "12 V", "1e999", "NaN", "Infinity", "1".repeat(41)]) {
    assertEquals(numbers(text), {}, text);
  }
});

Deno.test("numbers leaves out bytes, null, NaN and infinities", () => {
  assertEquals(numbers({ a: new Uint8Array(3), b: null, c: NaN, d: Infinity, e: undefined, f: 1 }), { f: 1 });
});

Deno.test("numbers is bounded in count and depth", () => {
  assertEquals(Object.keys(numbers(new Array(10_000).fill(1))).length, 1024);
  assertEquals(Object.keys(numbers([[1, 2], [3, 4]], { maxCount: 3 })), ["0.0", "0.1", "1.0"]);
  assertEquals(numbers({ a: 1, b: { c: 2, d: { e: 3 } } }, { maxDepth: 2 }), { a: 1, "b.c": 2 });
});

Deno.test("numbers keeps a key __proto__ as an ordinary name", () => {
  const found = numbers(JSON.parse('{"__proto__": 5}'));
  assertEquals(Object.entries(found), [["__proto__", 5]]);
});
