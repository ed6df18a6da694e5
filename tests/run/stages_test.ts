import { assertEquals } from "@std/assert";
import { stagesOf } from "./stages.ts";

const FILES = [
  "tests/e2e/a_test.ts",
  "tests/hub/b_test.ts",
  "tests/c_test.ts",
  "tests/rtc/relay/d_test.ts",
  "tests/rtc/e_test.ts",
];
const names = (chosen: string[], left: string[]) =>
  stagesOf(FILES, chosen, left).map((stage) => [stage.name, ...stage.paths]);

Deno.test("stagesOf runs unit tests first, then the folders that start programs", () => {
  assertEquals(names([], []), [
    ["unit tests", "tests/hub/b_test.ts", "tests/c_test.ts"],
    ["tests/e2e", "tests/e2e/a_test.ts"],
    ["tests/rtc", "tests/rtc/relay/d_test.ts", "tests/rtc/e_test.ts"],
  ]);
});

Deno.test("stagesOf keeps to what was chosen and leaves out what cannot run", () => {
  assertEquals(names(["tests/hub"], []), [["unit tests", "tests/hub/b_test.ts"]]);
  assertEquals(names(["tests/rtc", "tests/c_test.ts"], ["tests/rtc/relay"]), [
    ["unit tests", "tests/c_test.ts"],
    ["tests/rtc", "tests/rtc/e_test.ts"],
  ]);
  assertEquals(names(["tests/h"], []), [], "a folder is named whole");
});
