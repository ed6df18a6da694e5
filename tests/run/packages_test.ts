import { assertEquals, assertStringIncludes } from "@std/assert";
import { ensurePackages, type Installer, missingMessage, type SystemPackage } from "./packages.ts";

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

/** An installer that is asked, and what it was asked for; `install` does the work. */
function installerOf(install: (attempt: number) => Promise<void> = () => Promise.resolve()) {
  const asked: string[][] = [];
  const installer: Installer = async (names) => {
    asked.push(names);
    await install(asked.length);
    return 100;
  };
  return { asked, installer: () => Promise.resolve(installer) };
}

const NO_PAUSE = () => Promise.resolve();

Deno.test("ensurePackages installs what is missing and nothing else, and looks whether it is there then", async () => {
  const { asked, installer } = installerOf();
  const report = await ensurePackages([THERE, ABSENT], installer, NO_PAUSE);
  assertEquals(asked, [["no-such-package"], ["no-such-package"], ["no-such-package"]]);
  assertEquals(report.missing, [ABSENT]);
  assertStringIncludes(report.problem, "code 100, 3 times");
});

Deno.test("ensurePackages tries again what a mirror did not give, and leaves it there when all came", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tidegate-packages-" });
  const fromAnyFolderOfThePath = `${"../".repeat(20)}${folder}/late`;
  const comesLate: SystemPackage = { ...ABSENT, probe: { command: fromAnyFolderOfThePath } };
  try {
    const { asked, installer } = installerOf(async (attempt) => {
      if (attempt === 2) await Deno.writeTextFile(`${folder}/late`, "");
    });
    const report = await ensurePackages([comesLate], installer, NO_PAUSE);
    assertEquals([asked.length, report.missing, report.problem], [2, [], ""]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("ensurePackages does not ask for an installer when all is there", async () => {
  const report = await ensurePackages([THERE], () => Promise.reject(new Error("asked")));
  assertEquals(report, { installed: [], missing: [], problem: "" });
});
