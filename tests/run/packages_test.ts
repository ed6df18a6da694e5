import { assertEquals, assertStringIncludes } from "@std/assert";
import { ensurePackages, missingMessage, type SystemPackage } from "./packages.ts";

const THERE: SystemPackage = {
  name: "shell",
  why: "is everywhere",
  probe: { command: "sh" },
  neededBy: ["a"],
};
const ABSENT: SystemPackage = {
  name: "no-such-package",
  why: "it is not there",
  probe: { command: "tidegate-no-such-command" },
  neededBy: ["tests/x"],
};
const ABSENT_MODULE: SystemPackage = {
  ...ABSENT,
  name: "b",
  probe: { pythonModule: "tidegate_no_such_module" },
};

Deno.test("ensurePackages names what is missing where nothing may be installed", async () => {
  const report = await ensurePackages(
    [THERE, ABSENT, ABSENT_MODULE],
    () => Promise.resolve("only root may install packages"),
  );
  assertEquals(report.missing, [ABSENT, ABSENT_MODULE]);
  const message = missingMessage(report);
  for (
    const part of [
      "only root",
      "no-such-package: it is not there",
      "tests/x",
      "apt-get install no-such-package b",
    ]
  ) {
    assertStringIncludes(message, part);
  }
});

Deno.test("ensurePackages installs what is missing and nothing else, and looks whether it is there then", async () => {
  const asked: string[][] = [];
  const report = await ensurePackages([THERE, ABSENT], () =>
    Promise.resolve((names) => {
      asked.push(names);
      return Promise.resolve(100);
    }));
  assertEquals(asked, [["no-such-package"]]);
  assertEquals(report.missing, [ABSENT]);
  assertStringIncludes(report.problem, "code 100");
});

Deno.test("ensurePackages does not ask for an installer when all is there", async () => {
  const report = await ensurePackages([THERE], () => Promise.reject(new Error("asked")));
  assertEquals(report, { installed: [], missing: [], problem: "" });
});
