import { assertEquals } from "@std/assert";
import { countJunit, emptyOutcome } from "./junit.ts";

Deno.test("countJunit counts tests by verdict and form and leaves steps to their test", () => {
  const outcome = emptyOutcome();
  countJunit(
    `<?xml version="1.0"?><testsuites><testsuite>
      <testcase name="[bun] a &quot;b&quot;" classname="x_test.ts" time="0"></testcase>
      <testcase name="[bun] c" classname="x_test.ts"><failure message="a &lt;testcase">text</failure></testcase>
      <testcase name="d" classname="x_test.ts"><skipped/></testcase>
      <testcase name="e" classname="y_test.ts">
      </testcase>
      <testcase name="e &gt; a step" classname="y_test.ts"></testcase>
    </testsuite></testsuites>`,
    outcome,
  );
  assertEquals(outcome, {
    passed: 2,
    failed: 1,
    ignored: 1,
    failures: ["x_test.ts: [bun] c"],
    byForm: new Map([["bun", { passed: 1, failed: 1, ignored: 0 }]]),
  });
});
