import { assertEquals } from "@std/assert";
import { runtimeNeutral } from "./neutral.ts";

function of(files: Record<string, string>): string[] {
  const tests = Object.keys(files).filter((path) => path.endsWith("_test.ts"));
  return runtimeNeutral(tests, (path) => files[path] ?? "");
}

Deno.test("a test runs on Bun as well unless it, or what it imports of the tests, names more of Deno than its tests", () => {
  const pure = `import { x } from "../../hub/x.ts"; Deno.test("x", () => x());`;
  assertEquals(of({ "tests/hub/a_test.ts": pure, "tests/hub/b_test.ts": "Deno.serve()" }), [
    "tests/hub/a_test.ts",
  ]);
  const indirect = {
    "tests/hub/a_test.ts": `import { y } from "../support/y.ts";`,
    "tests/support/y.ts": `import { z } from "./z.ts";`,
  };
  assertEquals(of({ ...indirect, "tests/support/z.ts": "" }), ["tests/hub/a_test.ts"]);
  assertEquals(of({ ...indirect, "tests/support/z.ts": "Deno.connect()" }), []);
  const circle = { ...indirect, "tests/support/z.ts": `import { y } from "./y.ts";` };
  assertEquals(of(circle), ["tests/hub/a_test.ts"]);
});
