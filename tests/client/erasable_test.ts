/**
 * Node takes TypeScript by blanking the types out, so what people import from source there must be TypeScript
 * that can be blanked out: no parameter properties, enums or namespaces.
 */
import { assertEquals } from "@std/assert";

const SOURCE = new URL("../../", import.meta.url);
const PARAMETER_PROPERTY = /constructor\([^)]*\b(?:readonly|private|public|protected)\s+\w+\s*[:?]/;
const NEEDS_COMPILING = /^\s*(?:export\s+)?(?:const\s+)?(?:enum|namespace)\s+\w+/m;

function notErasable(source: string): boolean {
  return PARAMETER_PROPERTY.test(source) || NEEDS_COMPILING.test(source);
}

Deno.test("the SDK and what it imports hold only syntax that Node can strip", async () => {
  const found: string[] = [];
  for (const folder of ["client", "protocol", "examples"]) {
    for await (const { name } of Deno.readDir(new URL(folder, SOURCE))) {
      if (!name.endsWith(".ts")) continue;
      if (notErasable(await Deno.readTextFile(new URL(`${folder}/${name}`, SOURCE)))) {
        found.push(`${folder}/${name}`);
      }
    }
  }
  assertEquals(found, []);
});

Deno.test("a parameter property is found however the constructor is broken into lines", () => {
  assertEquals(notErasable("class A {\n  constructor(\n    readonly lane: Lane,\n  ) {}\n}"), true);
  assertEquals(notErasable("class A { constructor(a: B, private readonly c: D) {} }"), true);
  assertEquals(notErasable("class A {\n  readonly a: B;\n  constructor(a: B) {}\n}"), false);
});
