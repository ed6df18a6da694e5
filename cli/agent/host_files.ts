/**
 * Reads the kernel's files. Deno counts /proc and /sys as reserved for programs that were given every
 * permission; the gateway is given few, so there it asks `grep`, the one program it is allowed to run.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

/** Reads texts by path; files that are missing or refused are left out. */
export type ReadFiles = (paths: readonly string[]) => Promise<Map<string, string>>;

/** Reads with the runtime's own calls. */
export const readDirectly: ReadFiles = async (paths) => {
  const texts = new Map<string, string>();
  await Promise.all(paths.map(async (path) => {
    try {
      texts.set(path, await readFile(path, "utf8"));
    } catch {
      // Not on this kernel, or not for us: its metrics are left out.
    }
  }));
  return texts;
};

/** More than every file of a large machine together; what lies beyond would be cut. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Reads by `grep -sH ""`, which writes each line behind its file's name. */
export const readThroughGrep: ReadFiles = (paths) =>
  new Promise((resolve) => {
    const options = { maxBuffer: MAX_OUTPUT_BYTES, encoding: "utf8" } as const;
    try {
      // A missing file makes grep exit with 2 and still print the others, so the error says nothing.
      execFile("grep", ["-sH", "", ...paths], options, (_, output) => resolve(splitGrep(output, paths)));
    } catch {
      resolve(new Map());
    }
  });

/** Takes the output of `grep -H` apart again. */
export function splitGrep(output: string, paths: readonly string[]): Map<string, string> {
  const lines = new Map<string, string[]>();
  for (const line of output.split("\n")) {
    const path = paths.find((candidate) => line.startsWith(`${candidate}:`));
    if (path === undefined) continue;
    const text = line.slice(path.length + 1);
    const known = lines.get(path);
    if (known) known.push(text);
    else lines.set(path, [text]);
  }
  return new Map([...lines].map(([path, texts]) => [path, texts.join("\n") + "\n"]));
}

/** Whichever way works here, or undefined where there is no /proc at all. */
export async function findReader(
  readers: readonly ReadFiles[] = [readDirectly, readThroughGrep],
): Promise<ReadFiles | undefined> {
  for (const reader of readers) {
    if ((await reader(["/proc/stat"])).get("/proc/stat")?.startsWith("cpu")) return reader;
  }
  return undefined;
}
