/**
 * The direction of imports as a table, and the check of a source tree against it.
 *
 * @module
 */
import { dirname, join, normalize } from "node:path/posix";
import { scanSource } from "./source_scan.ts";

const MIDDLE = ["devices", "dashboards", "rtc", "mqtt", "db", "access"];
const SEAMS = ["protocol", "payload", "hub", "transport"];
const FRONT = ["routes", "cli"];
/** Folders of the middle that hold sessions, on what is common to all of them. */
const WITH_SESSIONS = ["devices", "dashboards", "mqtt"];
const ALL = [...SEAMS, "sessions", ...MIDDLE, ...FRONT, "client", "web", "runtime"];

/**
 * Which layers each layer may import beside itself. A layer is a top-level folder, or a module at the root.
 * The folders in the middle do not know one another: they meet at the interfaces of hub/ and transport/.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "protocol": [],
  "payload": ["protocol"],
  "transport": ["protocol"],
  "hub": ["protocol", "transport"],
  "runtime": ["protocol", "transport"],
  "sessions": ["protocol", "hub", "transport"],
  ...Object.fromEntries(MIDDLE.map((layer) => [layer, SEAMS])),
  ...Object.fromEntries(WITH_SESSIONS.map((layer) => [layer, [...SEAMS, "sessions"]])),
  // The agent and the simulator are devices like any other, so cli/ holds the SDK.
  ...Object.fromEntries(FRONT.map((layer) => [layer, [...SEAMS, ...MIDDLE, "client"]])),
  "client": ["protocol"],
  "web": ["client", "protocol", "payload"],
  // The composition root: gateway/ wires the parts, main.ts gives it a command line and a runtime.
  "gateway": ALL,
  "main.ts": [...ALL, "gateway"],
};

/** Folders that stand outside the program and may import and name anything. */
const OUTSIDE = new Set(["tests", "build", "bench", "examples", "docs"]);

/** Layers that are pure or have no dependency at run time: only relative imports. */
const NO_PACKAGES = new Set(["protocol", "client"]);

/** One import that the table forbids and that stands anyway. */
export interface LayerException {
  /** Importing file, or a folder that ends in `/`. */
  from: string;
  /** Imported file, or {@link COMPUTED}. */
  to: string;
  /** Why it is right. */
  reason: string;
}

/** Stands for the target of a dynamic import that is no literal. */
const COMPUTED = "(computed)";

/** The exceptions, each with its reason. */
const EXCEPTIONS: readonly LayerException[] = [
  {
    from: "web/assets.ts",
    to: COMPUTED,
    reason: "web/dist is generated: an import by name would make every type check depend on a build",
  },
];

function layerOf(path: string): string {
  return path.split("/")[0]!;
}

function excepted(exceptions: readonly LayerException[], from: string, to: string): boolean {
  return exceptions.some((one) =>
    one.to === to && (one.from.endsWith("/") ? from.startsWith(one.from) : one.from === from)
  );
}

/** What is wrong with an import of `target` from `path`, or undefined. */
function importProblem(
  path: string,
  target: string,
  exceptions: readonly LayerException[],
): string | undefined {
  const from = layerOf(path);
  const to = layerOf(target);
  if (from === to || excepted(exceptions, path, target)) return undefined;
  const allowed = MAY_IMPORT[from];
  if (!allowed) return `layer ${from} is not in the table of tests/support/layers.ts`;
  if (allowed.includes(to)) return undefined;
  return `${path} imports ${target}: ${from} may import ${allowed.join(", ") || "nothing outside itself"}`;
}

/**
 * Checks every file of the program.
 *
 * @param files Path from the root of the repository to source text.
 * @returns One line for each violation; empty when all is well.
 */
export function layerViolations(
  files: ReadonlyMap<string, string>,
  exceptions: readonly LayerException[] = EXCEPTIONS,
): string[] {
  const problems: string[] = [];
  const runtimeImports = new Map<string, string[]>();
  for (const [path, source] of files) {
    const layer = layerOf(path);
    if (OUTSIDE.has(layer)) continue;
    const { imports, globals } = scanSource(path, source);
    if (layer !== "runtime") {
      for (const name of globals) problems.push(`${path} names ${name}: only runtime/ knows the runtime`);
    }
    const edges: string[] = [];
    for (const { specifier, typeOnly } of imports) {
      if (specifier === undefined) {
        if (excepted(exceptions, path, COMPUTED)) continue;
        problems.push(`${path}: a dynamic import whose target is not a literal cannot be checked or bundled`);
      } else if (!specifier.startsWith(".")) {
        if (NO_PACKAGES.has(layer)) {
          problems.push(
            `${path} imports ${specifier}: ${layer}/ has no dependency, on packages or on a runtime`,
          );
        }
      } else {
        const target = normalize(join(dirname(path), specifier));
        const problem = importProblem(path, target, exceptions);
        if (problem) problems.push(problem);
        if (!typeOnly) edges.push(target);
      }
    }
    runtimeImports.set(path, edges);
  }
  const cycle = findCycle(runtimeImports);
  if (cycle) problems.push(`cycle of imports: ${cycle.join(" → ")}`);
  return [...new Set(problems)];
}

/** Exceptions that no import needs any more. */
export function unusedExceptions(
  files: ReadonlyMap<string, string>,
  exceptions: readonly LayerException[] = EXCEPTIONS,
): LayerException[] {
  return exceptions.filter((one) =>
    layerViolations(files, exceptions.filter((other) => other !== one)).length ===
      layerViolations(files, exceptions).length
  );
}

/** The first cycle among imports that exist at run time (types are erased), as a path that ends where it began. */
function findCycle(graph: ReadonlyMap<string, string[]>): string[] | undefined {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | undefined => {
    const start = path.indexOf(file);
    if (start >= 0) return [...path.slice(start), file];
    if (done.has(file)) return undefined;
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return undefined;
}
