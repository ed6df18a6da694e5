/**
 * `deno task bundle`: the whole program, page and migrations included, as one module dist/tidegate.mjs that
 * runs on Deno and on Bun with no node_modules beside it.
 *
 * @module
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail, root, runSelf } from "./tools.ts";

const OUT = "dist/tidegate.mjs";
const THREAD = "dist/thread.mjs";
const THREAD_TEXT = "dist/thread_text.ts";
const IMPORT_MAP = "dist/import_map.json";

/**
 * The manifest's imports, with the modules that say "nothing is embedded" replaced by generated ones. A replaced
 * import rather than a generated entry, since `import.meta.main` holds in the entry only.
 */
function importMap(): string {
  const manifest: { imports: Record<string, string> } = JSON.parse(
    readFileSync(join(root, "deno.json"), "utf8"),
  );
  const imports = Object.entries(manifest.imports).map(([name, target]) =>
    [name, target.startsWith("./") ? `.${target}` : target] as const
  );
  return JSON.stringify({
    imports: {
      ...Object.fromEntries(imports),
      "../web/embedded.ts": "../web/dist/assets.ts",
      "../gateway/embedded_thread.ts": "./thread_text.ts",
    },
  });
}

function bundle(from: string, to: string): void {
  const how = ["--quiet", "--platform", "deno", "--minify", "--import-map", IMPORT_MAP];
  const ran = runSelf(["bundle", ...how, "--output", to, from]);
  if (ran.code !== 0) fail(`bundle: bundling ${from} failed:\n${ran.output}`);
}

mkdirSync(join(root, "dist"), { recursive: true });
writeFileSync(join(root, IMPORT_MAP), importMap());
// The database's threads get a program of their own: with the whole one, each would parse ten times as much.
bundle("gateway/thread.ts", THREAD);
const text = readFileSync(join(root, THREAD), "utf8");
if (/import\.meta\.url/.test(text)) {
  // It runs from a blob, which has no place: not in the file system, and for Deno not to resolve `require` from.
  fail(`bundle: ${THREAD} asks for its own URL; keep CommonJS modules that require others out of it`);
}
writeFileSync(join(root, THREAD_TEXT), `export const embedded: string = ${JSON.stringify(text)};\n`);
bundle("main.ts", OUT);
console.log(`bundle: ${OUT}, ${(statSync(join(root, OUT)).size / 1024).toFixed(0)} KiB`);
