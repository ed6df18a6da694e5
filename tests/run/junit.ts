/**
 * Counts the outcome of a test run from the JUnit report that `deno test` or `bun test` writes.
 *
 * @module
 */

/** How many tests came out how. */
export interface Counts {
  passed: number;
  failed: number;
  ignored: number;
}

/** Outcome of one or several runs. */
export interface Outcome extends Counts {
  /** Failed tests, each with its file. */
  failures: string[];
  /** The tests whose name begins with `[form]`, per shipped form of the gateway. */
  byForm: Map<string, Counts>;
}

/** An outcome with nothing counted yet. */
export function emptyOutcome(): Outcome {
  return { passed: 0, failed: 0, ignored: 0, failures: [], byForm: new Map() };
}

function attribute(tag: string, name: string): string {
  const raw = new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
  return raw.replace(
    /&(quot|lt|gt|apos|amp);/g,
    (_, entity: string) => ({ quot: '"', lt: "<", gt: ">", apos: "'", amp: "&" })[entity] ?? "",
  );
}

function verdict(body: string): keyof Counts {
  if (/^\s*<(failure|error)[ />]/.test(body)) return "failed";
  return /^\s*<skipped[ />]/.test(body) ? "ignored" : "passed";
}

/** Adds what a JUnit report says to `outcome`. Steps belong to their test and are not counted by themselves. */
export function countJunit(xml: string, outcome: Outcome): void {
  const tests = new Set<string>();
  for (const [, tag = "", body = ""] of xml.matchAll(/<testcase( [^>]*?)(?:\/>|>(.*?)<\/testcase>)/gs)) {
    const file = attribute(tag, "classname") || attribute(tag, "file"); // Deno's and Bun's
    const name = attribute(tag, "name");
    const isStep = name.split(" > ").some((_, i, parts) =>
      i > 0 && tests.has(`${file}: ${parts.slice(0, i).join(" > ")}`)
    );
    if (isStep) continue;
    tests.add(`${file}: ${name}`);
    const result = verdict(body);
    outcome[result]++;
    if (result === "failed") outcome.failures.push(`${file}: ${name}`);
    const form = /^\[([^\]]+)\]/.exec(name)?.[1];
    if (form === undefined) continue;
    const counts = outcome.byForm.get(form) ?? { passed: 0, failed: 0, ignored: 0 };
    counts[result]++;
    outcome.byForm.set(form, counts);
  }
}
