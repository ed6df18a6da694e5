/**
 * Runs every test: installs what they need, builds the shipped forms of the gateway, runs the unit tests (on Deno,
 * and on Bun those that name no runtime) and then those that start whole programs, and says what ran.
 *
 * ```sh
 * deno task test                                  # everything
 * deno task test tests/hub                        # a folder or a file
 * deno task test tests/e2e -- --filter=resume     # options behind "--" go to deno test
 * ```
 *
 * With CI=true a missing system package is a failure; elsewhere the tests that need it are left out and named.
 *
 * @module
 */
import { BUN_VERSION, findBun, linkRuntimes } from "./run/bun.ts";
import { findNode } from "./run/node.ts";
import { countJunit, emptyOutcome, type Outcome } from "./run/junit.ts";
import { runtimeNeutral } from "./run/neutral.ts";
import { ensurePackages, missingMessage, SYSTEM_PATH } from "./run/packages.ts";
import { run } from "./run/process.ts";
import { type Stage, stagesOf, testFiles } from "./run/stages.ts";

const IN_CI = Deno.env.get("CI") === "true";

/** Tasks that make every shipped form; each builds what it stands on. */
const FORM_TASKS = Deno.env.get("DENORT_BIN") ? ["compile:bun", "compile"] : ["compile:bun"];
const STARTED = performance.now();

/** What the command line asks for. */
interface Request {
  /** Files or folders; all when empty. */
  chosen: string[];
  /** Options for `deno test`. */
  options: string[];
}

function parseArguments(args: readonly string[]): Request {
  const paths = args.filter((arg) => !arg.startsWith("-"));
  return {
    chosen: paths.map((path) => path.replace(/^\.\//, "").replace(/\/$/, "")),
    options: args.filter((arg) => arg.startsWith("-") && arg !== "--"),
  };
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function heading(text: string): void {
  console.log(`\n== ${text} (at ${seconds(STARTED)})`);
}

async function definedTasks(): Promise<Set<string>> {
  const manifest: { tasks?: Record<string, unknown> } = JSON.parse(await Deno.readTextFile("deno.json"));
  return new Set(Object.keys(manifest.tasks ?? {}));
}

/** Builds by the project's own tasks; an error names the one that failed. */
async function build(tasks: string[], env: Record<string, string>): Promise<void> {
  const defined = await definedTasks();
  for (const task of tasks.filter((name) => defined.has(name))) {
    const started = performance.now();
    const code = await run(Deno.execPath(), ["task", "--quiet", task], { env });
    if (code !== 0) throw new Error(`"deno task ${task}" ended with code ${code}; see its output above`);
    console.log(`deno task ${task}: ${seconds(started)}`);
  }
}

/** Runs the tests of `paths` and counts their outcome from the report that the runner writes. */
async function runTests(
  name: string,
  program: string,
  args: (report: string) => string[],
  env: Record<string, string>,
  total: Outcome,
): Promise<void> {
  const report = await Deno.makeTempFile({ prefix: "tidegate-junit-", suffix: ".xml" });
  try {
    const before = total.failed;
    const code = await run(program, args(report), { env });
    countJunit(await Deno.readTextFile(report), total);
    if (code !== 0 && total.failed === before) {
      // A file that does not load has no test case in the report.
      total.failed++;
      total.failures.push(`${name}: ended with code ${code} outside a test`);
    }
  } finally {
    await Deno.remove(report);
  }
}

async function runStage(stage: Stage, options: string[], env: Record<string, string>, total: Outcome) {
  const parallel = stage.parallel ? ["--parallel"] : [];
  await runTests(
    stage.name,
    Deno.execPath(),
    (report) => [
      "test",
      "--allow-all",
      // `deno task check` has checked the types. Here a worker's would be checked when a test starts it, which keeps
      // it from starting for seconds of computing.
      "--no-check",
      "--quiet",
      `--junit-path=${report}`,
      ...options,
      ...parallel,
      ...stage.paths,
    ],
    env,
    total,
  );
}

/** Runs on Bun what names nothing of Deno. */
async function runOnBun(bun: string, paths: string[], env: Record<string, string>, total: Outcome) {
  await runTests(
    "unit tests on Bun",
    bun,
    (report) => [
      "test",
      "--only-failures",
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      "--preload",
      "./tests/support/bun_preload.ts",
      ...paths.map((path) => `./${path}`), // without a folder in front they would be filters
    ],
    env,
    total,
  );
}

function summarise(total: Outcome, leftOut: string[]): void {
  heading("Summary");
  for (const [form, { passed, failed }] of [...total.byForm].sort()) {
    console.log(`  ${form}: ${passed} passed, ${failed} failed`);
  }
  if (!Deno.env.get("DENORT_BIN")) {
    console.log("  Deno's executable was not built: DENORT_BIN names no denort base binary on this machine");
  }
  for (const path of leftOut) console.log(`  not run, its system package is missing: ${path}`);
  if (total.ignored > 0) console.log(`  ignored: ${total.ignored}`);
  for (const failure of total.failures) console.log(`  FAILED ${failure}`);
}

async function main(): Promise<number> {
  const request = parseArguments(Deno.args);
  heading("System packages");
  const packages = await ensurePackages();
  if (packages.missing.length > 0) console.error(missingMessage(packages));
  else console.log("all there");
  if (packages.missing.length > 0 && IN_CI) {
    console.log("\n0 passed, 1 failed");
    return 1;
  }
  const leftOut = packages.missing.flatMap((one) => one.neededBy);
  const stages = stagesOf(testFiles(), request.chosen, leftOut);
  if (stages.length === 0) throw new Error(`no test file below ${request.chosen.join(", ") || "tests"}`);

  heading("Build");
  const bun = await findBun();
  console.log(`Deno ${Deno.version.deno} and Bun ${BUN_VERSION} (${bun})`);
  const env = {
    TIDEGATE_BUN: bun,
    TIDEGATE_TEST_NODE: await findNode(),
    PATH: `${await linkRuntimes(bun)}:${SYSTEM_PATH}`,
  };
  await build(stages.some((stage) => stage.needsForms) ? FORM_TASKS : ["web"], env);

  const total = emptyOutcome();
  for (const stage of stages) {
    heading(`${stage.name}: ${stage.paths.length} files`);
    await runStage(stage, request.options, env, total);
    // Options are for `deno test`.
    const neutral = stage.needsForms || request.options.length > 0 ? [] : runtimeNeutral(stage.paths);
    if (neutral.length === 0) continue;
    heading(`${stage.name} on Bun: ${neutral.length} files`);
    await runOnBun(bun, neutral, env, total);
  }
  summarise(total, leftOut);
  // What reads the log (CI, people) finds the outcome alone on the last line.
  console.log(`\n${total.passed} passed, ${total.failed} failed`);
  return total.failed > 0 ? 1 : 0;
}

try {
  Deno.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log("\n0 passed, 1 failed");
  Deno.exit(1);
}
