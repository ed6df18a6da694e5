/**
 * `deno task compile`: dist/tidegate, the Deno appliance, from the bundle, with the permissions it needs and no
 * others. Deno puts the program behind a base binary, `denort`, that it downloads; `DENORT_BIN` names one that
 * is already there.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fail, root, runSelf } from "./tools.ts";

/**
 * What the program may do: exactly what `deno task gateway` gives it from source, so that the two cannot drift
 * apart. Files and environment are open as a whole, because the data folder is the user's choice at start and
 * unknown settings in the environment are refused by name; native libraries, remote code and all programs but
 * the one that reads /proc are not in the list.
 */
function permissions(): string[] {
  const manifest: { tasks: Record<string, { command: string }> } = JSON.parse(
    readFileSync(join(root, "deno.json"), "utf8"),
  );
  const words = manifest.tasks["gateway"]?.command.split(/\s+/) ?? [];
  const found = words.filter((word) => word === "--no-prompt" || word.startsWith("--allow-"));
  if (found.length === 0) fail('compile: the task "gateway" in deno.json names no permissions');
  return found;
}

const base = process.env["DENORT_BIN"];
if (base && !existsSync(base)) {
  fail(`compile: DENORT_BIN=${base} is not there; it must name a denort binary`);
}
const ran = runSelf([
  "compile",
  "--no-check",
  ...permissions(),
  "--output",
  "dist/tidegate",
  "dist/tidegate.mjs",
]);
if (ran.code !== 0) {
  if (/denort|base binary/.test(ran.output)) {
    fail(
      `compile: the base binary denort could not be downloaded; put the one of this Deno's version ` +
        `(denort-<target>.zip of its release) on this machine and set DENORT_BIN=/path/to/denort`,
    );
  }
  fail(`compile: ${ran.output}`);
}
console.log("compile: dist/tidegate");
