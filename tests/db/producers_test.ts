import { assertEquals } from "@std/assert";
import { MAX_PRODUCERS_PER_TOPIC, Producers } from "../../db/producers.ts";

Deno.test("a topic keeps the producers that were heard last, however many come", () => {
  const producers = new Producers();
  for (let i = 1; i <= 10 * MAX_PRODUCERS_PER_TOPIC; i++) {
    producers.put(1, `run ${i}`, i);
    producers.put(1, "steady", i);
  }
  const last = 10 * MAX_PRODUCERS_PER_TOPIC;
  assertEquals(producers.get(1, "steady"), last);
  assertEquals(producers.get(1, `run ${last}`), last);
  assertEquals(
    producers.get(1, `run ${last - MAX_PRODUCERS_PER_TOPIC + 2}`),
    last - MAX_PRODUCERS_PER_TOPIC + 2,
  );
  assertEquals(producers.get(1, `run ${last - MAX_PRODUCERS_PER_TOPIC}`), undefined);
});

Deno.test("a sequence is only ever raised", () => {
  const producers = new Producers();
  producers.put(1, "a", 5);
  producers.put(1, "a", 3);
  assertEquals([producers.get(1, "a"), producers.get(2, "a")], [5, undefined]);
});
