/**
 * Which tests run together, and in which order.
 *
 * @module
 */

/** Tests that run in one `deno test`. */
export interface Stage {
  name: string;
  /** Files or folders. */
  paths: string[];
  /** Whether its files may run side by side. */
  parallel: boolean;
  /** Whether it starts the gateway in its shipped forms, which then have to be built. */
  needsForms: boolean;
}

/** Folders whose tests start whole programs, in the order in which they run, after the unit tests. */
const SYSTEM: readonly Omit<Stage, "paths">[] = [
  { name: "tests/e2e", parallel: true, needsForms: true },
  { name: "tests/web", parallel: false, needsForms: true },
  { name: "tests/rtc", parallel: false, needsForms: true },
  { name: "tests/mqtt", parallel: false, needsForms: true },
  // Measures memory and delays, so nothing else may run beside it.
  { name: "tests/endurance", parallel: false, needsForms: true },
];

function under(folder: string, path: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** Every test file below `folder`, sorted, with `/` between the levels. */
export function testFiles(folder = "tests"): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...testFiles(path));
    else if (/_test\.tsx?$/.test(entry.name)) files.push(path);
  }
  return files.sort();
}

/**
 * Parts `files` into stages.
 *
 * @param chosen Files or folders to keep to; all when empty.
 * @param left Folders and files to leave out.
 */
export function stagesOf(files: string[], chosen: string[], left: string[]): Stage[] {
  const wanted = files.filter((file) =>
    (chosen.length === 0 || chosen.some((path) => under(path, file))) &&
    !left.some((path) => under(path, file))
  );
  const stages: Stage[] = SYSTEM.map((stage) => ({
    ...stage,
    paths: wanted.filter((file) => under(stage.name, file)),
  }));
  const system = new Set(stages.flatMap((stage) => stage.paths));
  const unit = wanted.filter((file) => !system.has(file));
  return [{ name: "unit tests", parallel: true, needsForms: false, paths: unit }, ...stages]
    .filter((stage) => stage.paths.length > 0);
}
