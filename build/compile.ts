/**
 * `deno task compile`: dist/tidegate, the Deno appliance, from the bundle, with the permissions it needs and no
 * others. Deno puts the program behind a base binary, `denort`, that it downloads; `DENORT_BIN` names one that
 * is already there.
 *
 * @module
 */
import { existsSync } from "node:fs";
import process from "node:process";
import { fail, runSelf } from "./tools.ts";

/**
 * What the program may do. Files are open as a whole, because the data folder is the user's choice at start.
 * The one program that it may run is grep, which reads /proc for the host agent: Deno reserves those files for
 * programs that may do everything. Native libraries and remote code are not in the list.
 */
const PERMISSIONS = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--allow-run=grep",
];

const base = process.env["DENORT_BIN"];
if (base && !existsSync(base)) {
  fail(`compile: DENORT_BIN=${base} does not exist; point it at a denort binary`);
}
const ran = runSelf([
  "compile",
  "--no-check",
  ...PERMISSIONS,
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
