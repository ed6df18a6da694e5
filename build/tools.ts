/**
 * What the build scripts share: running this same runtime, and telling whether anything changed. They use
 * Node's modules only, as the rest of the program does.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Root folder of the project. */
export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** More output than a build step ever prints; a step that prints more fails instead of filling the memory. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Outcome of {@link run}. */
export interface Ran {
  code: number;
  /** Standard output and error together, as they would be read on a terminal. */
  output: string;
}

/** Runs a program in the project's root and waits for it. A program that cannot be started yields code 127. */
export function run(command: string, args: readonly string[]): Ran {
  const env = { ...process.env, NO_COLOR: "1" };
  const done = spawnSync(command, args, { cwd: root, encoding: "utf8", env, maxBuffer: MAX_OUTPUT_BYTES });
  if (done.error) return { code: 127, output: `${command}: ${done.error.message}` };
  return { code: done.status ?? 1, output: `${done.stdout}${done.stderr}`.trim() };
}

/** Runs the runtime that runs this script, so that no second version gets in between. */
export function runSelf(args: readonly string[]): Ran {
  return run(process.execPath, args);
}

/** Ends the task with one line that says what is wrong. */
export function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

/** Files below `path`, or the file itself, as paths from the root; `skip` names folders to leave out. */
export function filesBelow(path: string, skip: readonly string[] = []): string[] {
  const full = join(root, path);
  if (!existsSync(full) || skip.includes(path)) return [];
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full).sort().flatMap((name) => filesBelow(relative(root, join(full, name)), skip));
}

/** Hash over names and contents of the files, to tell whether a former result still stands. */
export function hashFiles(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) {
    const bytes = readFileSync(join(root, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}
