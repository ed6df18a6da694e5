import { assert, assertEquals } from "@std/assert";
import { dirname, join, normalize } from "node:path/posix";
import { scanSource } from "../support/source_scan.ts";

/** Packages whose evaluation takes tens of milliseconds: a gateway listens before it loads them. */
const LATER = [
  "werift",
  "aedes",
  "mqtt",
  "drizzle-orm",
  "@peculiar/x509",
  "@hono/zod-openapi",
  "@bufbuild/protobuf",
];

/** Everything that is evaluated when `entry` loads: packages, and files of ours, with who imports each. */
function loadedBy(entry: string): Map<string, string> {
  const loaded = new Map<string, string>();
  const visit = (file: string) => {
    for (const { specifier, typeOnly, dynamic } of scanSource(file, Deno.readTextFileSync(file)).imports) {
      if (typeOnly || dynamic || specifier === undefined) continue;
      const target = specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
      if (loaded.has(target)) continue;
      loaded.set(target, file);
      if (specifier.startsWith(".")) visit(target);
    }
  };
  visit(entry);
  return loaded;
}

for (const entry of ["main.ts", "gateway/start.ts"]) {
  Deno.test(`${entry} loads nothing that a gateway does not need to listen`, () => {
    const loaded = loadedBy(entry);
    assert(loaded.has(entry === "main.ts" ? "commander" : "gateway/core.ts"));
    const heavy = [...loaded].filter(([target]) =>
      !target.endsWith(".ts") && LATER.some((name) => target === name || target.startsWith(`${name}/`))
    );
    assertEquals(heavy.map(([target, by]) => `${by} imports ${target}`), []);
  });
}

Deno.test("a thread of the database loads no server, protocol library or command line", () => {
  const loaded = [...loadedBy("gateway/thread.ts").keys()];
  const layers = new Set(loaded.filter((path) => path.endsWith(".ts")).map((path) => path.split("/")[0]));
  for (const layer of ["routes", "cli", "rtc", "mqtt", "devices", "dashboards", "transport"]) {
    assert(!layers.has(layer), layer);
  }
  assertEquals(loaded.filter((path) => path.startsWith("runtime/")).sort(), [
    "runtime/bun_types.ts",
    "runtime/worker_role.ts",
  ]);
});
