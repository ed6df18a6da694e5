/**
 * Finds Bun in the exact version that the project is tested with.
 *
 * @module
 */
import { output } from "./process.ts";

/** The version of npm's `bun` package. */
export const BUN_VERSION = "1.4.5";

/** Folder of the names by which tests start the runtimes; below node_modules, which nobody keeps. */
const TOOLS = "node_modules/.cache/tidegate-tools";

/**
 * Makes a folder in which `deno` and `bun` are these runtimes, to be put in front of the PATH: on a machine with
 * Node alone neither is on it.
 *
 * @returns its absolute path.
 */
export async function linkRuntimes(bun: string): Promise<string> {
  await Deno.mkdir(TOOLS, { recursive: true });
  for (const [name, target] of [["bun", bun], ["deno", Deno.execPath()]] as const) {
    await Deno.remove(`${TOOLS}/${name}`, { recursive: true }).catch(() => {}); // of an earlier run, if any
    await Deno.symlink(target, `${TOOLS}/${name}`);
  }
  return await Deno.realPath(TOOLS);
}

/** Where the npm client puts packages that are run without being installed is its own affair: ask it. */
function fromNpm(): Promise<string | undefined> {
  return output("npm", [
    "exec",
    "--yes",
    "--fetch-retries=5",
    `--package=bun@${BUN_VERSION}`,
    "--call=command -v bun",
  ]);
}

/**
 * Path of a Bun executable: the one that `TIDEGATE_BUN` names, else npm's package, downloaded into npm's cache
 * at first use.
 *
 * @throws when neither is to be had in the right version.
 */
export async function findBun(): Promise<string> {
  const path = Deno.env.get("TIDEGATE_BUN") ?? await fromNpm();
  const version = path && await output(path, ["--version"]);
  if (!path || version !== BUN_VERSION) {
    throw new Error(
      `Bun ${BUN_VERSION} is needed and ${
        path ? `${path} is ${version ?? "no Bun"}` : "npm could not fetch it"
      }; ` +
        `install it with "npm install --global bun@${BUN_VERSION}" or name one in TIDEGATE_BUN`,
    );
  }
  return await Deno.realPath(path);
}
