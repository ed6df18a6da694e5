import { assertEquals } from "@std/assert";
import { ChangeBudget } from "../../hub/change_budget.ts";
import { MAX_CHANGED_BYTES, MAX_CHANGED_BYTES_PER_SECOND } from "../../protocol/limits.ts";

Deno.test("each device has a budget that fills up again", () => {
  let nowMs = 0;
  const budget = new ChangeBudget(() => nowMs);
  assertEquals(budget.take("a", MAX_CHANGED_BYTES), true);
  assertEquals(budget.take("a", 1), false);
  assertEquals(budget.take("b", 1), true);
  nowMs += 1_000;
  assertEquals(budget.take("a", MAX_CHANGED_BYTES_PER_SECOND + 1), false);
  assertEquals(budget.take("a", MAX_CHANGED_BYTES_PER_SECOND), true);
});
