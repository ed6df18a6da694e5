/**
 * Which test files name nothing of Deno but `Deno.test`, so that they run on Bun as well.
 *
 * @module
 */
import { dirname, join, normalize } from "node:path/posix";

/** What `tests/support/bun_preload.ts` offers of Deno. */
const OFFERED = new Set(["test", "env"]);

/** Tests of Deno's own tools, of programs run by Deno, and one that runs its children on both runtimes anyway. */
const OF_DENO = [
  "tests/layering_test.ts",
  "tests/docs_test.ts",
  "tests/run/",
  "tests/bench/",
  "tests/db/crash_test.ts",
];

const MEMBER = /\bDeno\.(\w+)/g;
const IMPORT = /\bfrom "(\.[^"]+)"|\bimport(?:\(| )"(\.[^"]+)"/g;

/** Those of `files` that run on Bun: neither they nor what they import of tests/ uses more of Deno than that. */
export function runtimeNeutral(
  files: readonly string[],
  read: (path: string) => string = Deno.readTextFileSync,
): string[] {
  const neutral = new Map<string, boolean>();
  const isNeutral = (path: string): boolean => {
    const known = neutral.get(path);
    if (known !== undefined) return known;
    neutral.set(path, true); // for cycles
    const source = read(path);
    const members = [...source.matchAll(MEMBER)].map(([, member]) => member!);
    const imported = [...source.matchAll(IMPORT)].map(([, named, called]) =>
      normalize(join(dirname(path), (named ?? called)!))
    );
    const result = members.every((member) => OFFERED.has(member)) &&
      imported.every((target) => !target.startsWith("tests/") || isNeutral(target));
    neutral.set(path, result);
    return result;
  };
  return files.filter((path) => !OF_DENO.some((of) => path.startsWith(of)) && isNeutral(path));
}
