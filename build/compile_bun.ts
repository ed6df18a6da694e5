/**
 * `deno task compile:bun`: dist/tidegate-bun, an executable of the bundle on Bun that needs neither runtime on
 * the machine it runs on. Bun comes from npm, in the version given here, unless that version is installed.
 *
 * @module
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { fail, root, run } from "./tools.ts";

const BUN_VERSION = "1.4.5";
const OUT = "dist/tidegate-bun";

function bun(args: readonly string[]) {
  const installed = run("bun", ["--version"]);
  if (installed.code === 0 && installed.output === BUN_VERSION) return run("bun", args);
  return run("npx", ["--yes", `bun@${BUN_VERSION}`, ...args]);
}

// Bytecode, so that a start does not begin with parsing the whole program.
const ran = bun(["build", "--compile", "--bytecode", "--format=esm", "--outfile", OUT, "dist/tidegate.mjs"]);
if (ran.code !== 0) fail(`compile:bun: ${ran.output}`);
console.log(`compile:bun: ${OUT}, ${(statSync(join(root, OUT)).size / 1_048_576).toFixed(0)} MiB`);
