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
const IMPORT_MAP = "dist/import_map.json";

/**
 * The manifest's imports, with the module that says "nothing is embedded" replaced by the generated one. A
 * replaced import rather than a generated entry, since `import.meta.main` holds in the entry only.
 */
function importMap(): string {
  const manifest: { imports: Record<string, string> } = JSON.parse(
    readFileSync(join(root, "deno.json"), "utf8"),
  );
  const imports = Object.entries(manifest.imports).map(([name, target]) =>
    [name, target.startsWith("./") ? `.${target}` : target] as const
  );
  return JSON.stringify({
    imports: { ...Object.fromEntries(imports), "../web/embedded.ts": "../web/dist/assets.ts" },
  });
}

mkdirSync(join(root, "dist"), { recursive: true });
writeFileSync(join(root, IMPORT_MAP), importMap());
const ran = runSelf([
  "bundle",
  "--quiet",
  "--platform",
  "deno",
  "--minify",
  "--import-map",
  IMPORT_MAP,
  "--output",
  OUT,
  "main.ts",
]);
if (ran.code !== 0) fail(`bundle: bundling main.ts failed:\n${ran.output}`);
console.log(`bundle: ${OUT}, ${(statSync(join(root, OUT)).size / 1024).toFixed(0)} KiB`);
