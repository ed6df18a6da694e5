import { assertEquals } from "@std/assert";
import { type LayerException, layerViolations, unusedExceptions } from "./support/layers.ts";

const SKIPPED = new Set(["node_modules", "dist", "data", "coverage"]);

function sources(folder = ".", prefix = "", into = new Map<string, string>()): Map<string, string> {
  for (const entry of Deno.readDirSync(folder)) {
    if (entry.name.startsWith(".") || SKIPPED.has(entry.name)) continue;
    const path = prefix + entry.name;
    if (entry.isDirectory) sources(`${folder}/${entry.name}`, `${path}/`, into);
    else if (/\.tsx?$/.test(entry.name)) into.set(path, Deno.readTextFileSync(`${folder}/${entry.name}`));
  }
  return into;
}

const fixture = (files: Record<string, string>) => new Map(Object.entries(files));

Deno.test("every import of the program follows the direction of its layers", () => {
  assertEquals(layerViolations(sources()), []);
});

Deno.test("every exception from the layers is still needed", () => {
  assertEquals(unusedExceptions(sources()), []);
});

Deno.test("a layer that imports one above it is reported, whichever way it imports", () => {
  for (
    const source of [
      `import { x } from "../hub/hub.ts";`,
      `import type { X } from "../hub/hub.ts";`,
      `export * from "../hub/hub.ts";`,
      `export { x } from "../hub/hub.ts";`,
      `const x = await import("../hub/hub.ts");`,
      `let x: import("../hub/hub.ts").X;`,
    ]
  ) {
    assertEquals(layerViolations(fixture({ "protocol/a.ts": source })), [
      "protocol/a.ts imports hub/hub.ts: protocol may import nothing outside itself",
    ], source);
  }
});

Deno.test("folders in the middle that import each other are reported", () => {
  assertEquals(layerViolations(fixture({ "devices/a.ts": `import "../dashboards/b.ts";` })), [
    "devices/a.ts imports dashboards/b.ts: devices may import protocol, payload, hub, transport, sessions",
  ]);
});

Deno.test("an exception lets its import stand and is reported once nothing needs it", () => {
  const exception: LayerException = { from: "devices/", to: "db/b.ts", reason: "a test of the test" };
  const needs = fixture({ "devices/a.ts": `import "../db/b.ts";` });
  assertEquals(layerViolations(needs, [exception]), []);
  assertEquals(unusedExceptions(needs, [exception]), []);
  assertEquals(unusedExceptions(fixture({ "devices/a.ts": "" }), [exception]), [exception]);
});

Deno.test("an unknown layer, a package in protocol/ and a computed import are reported", () => {
  assertEquals(layerViolations(fixture({ "misc/a.ts": `import "../hub/b.ts";` })).length, 1);
  assertEquals(layerViolations(fixture({ "protocol/a.ts": `import "zod";` })).length, 1);
  assertEquals(layerViolations(fixture({ "client/a.ts": `import "node:fs";` })).length, 1);
  assertEquals(layerViolations(fixture({ "hub/a.ts": "await import(name);" })).length, 1);
});

Deno.test("Deno and Bun are reported where they are named outside runtime/, not in strings or comments", () => {
  assertEquals(layerViolations(fixture({ "hub/a.ts": "globalThis.Deno?.env; Bun.gc();" })).length, 2);
  assertEquals(layerViolations(fixture({ "hub/a.ts": `let c: Deno.Conn;` })).length, 1);
  assertEquals(layerViolations(fixture({ "hub/a.ts": `"Deno"; // Bun` })), []);
  assertEquals(layerViolations(fixture({ "runtime/a.ts": "Deno.exit(0)" })), []);
});

Deno.test("a cycle of imports is reported, one of types alone is not", () => {
  const cycle = { "hub/a.ts": `import "./b.ts";`, "hub/b.ts": `import "./c.ts";` };
  assertEquals(layerViolations(fixture({ ...cycle, "hub/c.ts": `export * from "./b.ts";` })), [
    "cycle of imports: hub/b.ts → hub/c.ts → hub/b.ts",
  ]);
  const types = `import type { A } from "./a.ts"; import { type B } from "./a.ts";`;
  assertEquals(layerViolations(fixture({ ...cycle, "hub/c.ts": types })), []);
});
