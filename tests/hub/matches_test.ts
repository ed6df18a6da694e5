import { assertEquals } from "@std/assert";
import { Matches } from "../../hub/matches.ts";
import { PatternSet } from "../../hub/pattern.ts";
import { Topic } from "../../hub/topic.ts";

/** Topics that appear one by one, and how often a name was held against patterns. */
class Topics {
  readonly byName = new Map<string, Topic>();
  readonly matches = new Matches<string>(this.byName);

  add(name: string): string[] {
    const description = { name, deliveryClass: "state", encoding: "raw", writable: false } as const;
    const topic = new Topic(this.byName.size + 1, description, "gateway.1");
    this.byName.set(name, topic);
    return this.matches.add(topic);
  }

  names(...patterns: string[]): string[] {
    return this.matches.of(new PatternSet(patterns)).topics.map((topic) => topic.name);
  }
}

/** Patterns whose looks at topics are counted. */
function counted(patterns: string[]): { set: PatternSet; looks(): number } {
  const set = new PatternSet(patterns);
  const has = set.has.bind(set);
  let looks = 0;
  set.has = (topic) => {
    looks++;
    return has(topic);
  };
  return { set, looks: () => looks };
}

Deno.test("Matches finds the topics of patterns in the order in which they appeared", () => {
  const topics = new Topics();
  for (const name of ["b/t", "a/t", "a/u"]) topics.add(name);
  assertEquals(topics.names("+/t"), ["b/t", "a/t"]);
  assertEquals(topics.names("a/u", "b/t", "c/t"), ["a/u", "b/t"]);
});

Deno.test("Matches looks at each topic once when equal patterns are asked for again", () => {
  const topics = new Topics();
  for (let i = 0; i < 100; i++) topics.add(`d/${i}`);
  const first = counted(["d/#"]);
  const second = counted(["d/#"]);
  assertEquals(topics.matches.of(first.set), topics.matches.of(second.set));
  assertEquals([first.looks(), second.looks()], [100, 0]);
});

Deno.test("Matches adds a topic that appears to the patterns that it falls under and names who listens", () => {
  const topics = new Topics();
  topics.matches.of(new PatternSet(["a/#"])).listeners.add("one").add("two");
  topics.matches.of(new PatternSet(["+/t"])).listeners.add("three");
  topics.matches.of(new PatternSet(["b/u"])).listeners.add("four");
  assertEquals(topics.add("a/t"), ["one", "two", "three"]);
  assertEquals(topics.add("b/u"), ["four"]);
  assertEquals(topics.names("a/#"), ["a/t"]);
});

Deno.test("Matches keeps patterns that somebody listens to, however many others are asked for", () => {
  const topics = new Topics();
  const kept = topics.matches.of(new PatternSet(["a/#"]));
  kept.listeners.add("one");
  const idle = topics.matches.of(new PatternSet(["b/#"]));
  for (let i = 0; i < 50; i++) topics.names(`other/${i}`);
  assertEquals(topics.add("a/t"), ["one"]);
  assertEquals(topics.matches.of(new PatternSet(["a/#"])) === kept, true);
  assertEquals(topics.matches.of(new PatternSet(["b/#"])) === idle, false);
});
