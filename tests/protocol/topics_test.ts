import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  deviceNameProblem,
  matches,
  matchesAny,
  patternProblem,
  topicProblem,
} from "../../protocol/topics.ts";

/** Slow and plain: is the topic among all that the pattern stands for? */
function oracle(pattern: string[], topic: string[]): boolean {
  const [want, ...restOfPattern] = pattern;
  if (want === undefined) return topic.length === 0;
  if (want === "#") return restOfPattern.length === 0;
  const [have, ...restOfTopic] = topic;
  return have !== undefined && (want === "+" || want === have) && oracle(restOfPattern, restOfTopic);
}

Deno.test("matches agrees with a naive matcher on every pattern and topic", () => {
  const topic = fc.array(fc.constantFrom("a", "b", "aa", "$status"), { minLength: 1, maxLength: 5 });
  const pattern = fc.tuple(
    fc.array(fc.constantFrom("a", "b", "aa", "+", "$status"), { maxLength: 5 }),
    fc.boolean(),
  ).map(([levels, rest]) => rest || levels.length === 0 ? [...levels, "#"] : levels);
  fc.assert(
    fc.property(pattern, topic, (pattern, topic) => {
      assertEquals(patternProblem(pattern.join("/")), undefined);
      assertEquals(matches(pattern.join("/"), topic.join("/")), oracle(pattern, topic));
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("matches takes '#' for no level too, and '+' for exactly one", () => {
  assert(matches("a/#", "a"));
  assert(matches("#", "a/b/c"));
  assert(!matches("a/+", "a"));
  assert(!matches("a/+", "a/b/c"));
  assert(!matches("a", "ab"));
  assert(matchesAny(["x", "a/+"], "a/b"));
  assert(!matchesAny([], "a"));
});

for (
  const [topic, problem] of [
    ["", "empty"],
    ["a//b", "empty level"],
    ["/a", "empty level"],
    ["a/", "empty level"],
    ["a/+", "wildcard"],
    ["a/b#", "wildcard"],
    ["a\nb", "control character"],
    ["a\u0000", "control character"],
    ["a\ud800", "surrogate"],
    ["é".repeat(129), "258 bytes"],
    ["a/".repeat(16) + "a", "17 levels"],
  ] as const
) {
  Deno.test(`topicProblem names what is wrong with ${JSON.stringify(topic.slice(0, 20))}`, () => {
    assertStringIncludes(topicProblem(topic) ?? "", problem);
  });
}

Deno.test("topicProblem finds nothing wrong with topics within the limits", () => {
  for (const topic of ["a", "cpu/0", "Büro/Temperatur 1", "é".repeat(128), "a/".repeat(15) + "a", "😀"]) {
    assertEquals(topicProblem(topic), undefined);
  }
});

Deno.test("patternProblem wants wildcards to fill a level, and '#' the last", () => {
  for (const pattern of ["+", "#", "a/+/b", "+/#", "a"]) assertEquals(patternProblem(pattern), undefined);
  for (const pattern of ["a+", "a/#/b", "#/a", "a#", "", "a//b", "++"]) assert(patternProblem(pattern));
});

Deno.test("deviceNameProblem takes letters, digits, '.', '_' and '-' behind a letter or digit, at most 64", () => {
  for (const name of ["a", "A-1", "pump.2_b", "9", "x".repeat(64)]) {
    assertEquals(deviceNameProblem(name), undefined);
  }
  for (const name of ["", "-a", ".a", "a b", "a/b", "é", "a\n", "x".repeat(65), "$a"]) {
    assert(deviceNameProblem(name));
  }
});
