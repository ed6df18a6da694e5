import { assertEquals } from "@std/assert";
import { dirname, join } from "node:path/posix";

function pages(): string[] {
  const docs = [...Deno.readDirSync("docs")].map((entry) => `docs/${entry.name}`);
  return ["README.md", "CONTRIBUTING.md", ...docs].filter((path) => path.endsWith(".md"));
}

/** Anchors that headings get, as GitHub makes them. */
function anchors(text: string): Set<string> {
  const headings = text.replaceAll(/```.*?```/gs, "").matchAll(/^#+ +(.+)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading.toLowerCase().replaceAll(/[^\p{Letter}\p{Number} _-]/gu, "").replaceAll(" ", "-")
    ),
  );
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}

Deno.test("every relative link of the documentation leads somewhere", () => {
  const broken: string[] = [];
  for (const page of pages()) {
    const text = Deno.readTextFileSync(page);
    for (const [, target = ""] of text.replaceAll(/```.*?```/gs, "").matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const path = file === "" ? page : join(dirname(page), file);
      if (!exists(path)) broken.push(`${page}: ${target}`);
      else if (anchor && !anchors(Deno.readTextFileSync(path)).has(anchor)) broken.push(`${page}: ${target}`);
    }
  }
  assertEquals(broken, []);
});
