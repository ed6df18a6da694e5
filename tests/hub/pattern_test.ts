import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { PatternSet } from "../../hub/pattern.ts";
import { matchesAny } from "../../protocol/topics.ts";

const level = fc.constantFrom("a", "b", "c", "$status");
const topic = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join("/"));
const pattern = fc.tuple(
  fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }),
  fc.boolean(),
).map(([levels, rest]) => [...levels, ...(rest || levels.length === 0 ? ["#"] : [])].join("/"));

Deno.test("a set of patterns has the topics that one of its patterns matches and one of its limits allows", () => {
  const patterns = fc.array(pattern, { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(patterns, patterns, topic, (wanted, within, name) => {
      const expected = matchesAny(wanted, name) && matchesAny(within, name);
      assertEquals(new PatternSet(wanted, within).has(name), expected);
    }),
    { numRuns: 2_000 },
  );
});
