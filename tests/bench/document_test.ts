import { assertEquals } from "@std/assert";
import { intoDocument } from "../../bench/report/document.ts";

Deno.test("figures take the place of the last ones and leave what is around them", () => {
  const first = intoDocument("", "| 1 |\n");
  const document = `# Title\n\n${first}\nMore.\n`;
  assertEquals(intoDocument(document, "| 2 |"), document.replace("| 1 |", "| 2 |"));
});

Deno.test("a document without marks becomes the figures", () => {
  assertEquals(intoDocument("old", "| 1 |"), intoDocument("", "| 1 |"));
});
