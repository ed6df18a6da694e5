/**
 * Finds a Node that the SDK runs on: from 22.18 on it takes TypeScript and has a WebSocket client of its own.
 *
 * @module
 */
import { output } from "./process.ts";

/** The version of npm's `node-<system>-<architecture>` packages, which hold nothing but the executable. */
const NODE_VERSION = "22.23.3";

/** Oldest Node that the SDK runs on from source. */
const OLDEST = [22, 18] as const;

function fromNpm(): Promise<string | undefined> {
  const system = Deno.build.os === "windows" ? "win" : Deno.build.os;
  const architecture = Deno.build.arch === "aarch64" ? "arm64" : "x64";
  const name = `node-${system}-${architecture}`;
  return output("npm", [
    "exec",
    "--yes",
    "--fetch-retries=5",
    `--package=${name}@${NODE_VERSION}`,
    "--call=command -v node",
  ]);
}

function recent(version: string | undefined): boolean {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version ?? "") ?? [];
  if (major === undefined) return false;
  return Number(major) > OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) >= OLDEST[1]);
}

/**
 * Path of a Node executable: the one on the PATH where it is recent enough, else npm's package.
 *
 * @throws when neither is to be had.
 */
export async function findNode(): Promise<string> {
  const own = await output("node", ["--version"]).catch(() => undefined);
  if (recent(own)) return "node";
  const path = await fromNpm();
  if (!path || !recent(await output(path, ["--version"]))) {
    throw new Error(
      `Node ${OLDEST.join(".")} or later is needed to test the SDK, and npm could not fetch one`,
    );
  }
  return await Deno.realPath(path);
}
