/**
 * Finds out which runtime carries this program.
 *
 * @module
 */
import { bunRuntime } from "./bun.ts";
import { bunGlobal } from "./bun_types.ts";
import { denoRuntime } from "./deno.ts";
import type { Runtime } from "./runtime.ts";

let current: Runtime | undefined;

/**
 * The runtime beneath this program.
 *
 * @throws when it is neither Deno nor Bun.
 */
export function currentRuntime(): Runtime {
  return current ??= detect();
}

function detect(): Runtime {
  const bun = bunGlobal(); // asked first: a program may run on Bun with a shim of Deno's names
  if (bun) return bunRuntime(bun);
  if ((globalThis as { Deno?: unknown }).Deno !== undefined) return denoRuntime();
  throw new Error(
    "Tidegate runs on Deno 2.9 or Bun 1.4 or later; this is neither. Start it with `deno` or `bun`.",
  );
}
