import { assertEquals } from "@std/assert";
import { VERSION } from "../../cli/version.ts";
import manifest from "../../deno.json" with { type: "json" };

Deno.test("the program's version is the manifest's", () => {
  assertEquals(VERSION, manifest.version);
});
