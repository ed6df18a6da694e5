import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { utf8Length } from "../../protocol/utf8.ts";

Deno.test("utf8Length agrees with TextEncoder on any text, half surrogate pairs included", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
      (text) => {
        assertEquals(utf8Length(text), new TextEncoder().encode(text).length);
      },
    ),
    { examples: [["\ud83d\ude00"], ["\ud83d"], ["\ude00\ud83d"], ["aé€😀"]] },
  );
});
