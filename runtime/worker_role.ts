/**
 * The role that this thread was started under. A module of its own, so that a worker need not load a server to ask.
 *
 * @module
 */
import process from "node:process";
import { bunGlobal } from "./bun_types.ts";

/** The environment variable of a worker thread by which it knows its role: Bun's workers do not see their name. */
export const WORKER_ROLE = "TIDEGATE_WORKER_ROLE";

/** The role, where this thread is a worker that `Runtime.startWorker` started. */
export function workerRole(): string | undefined {
  const bun = bunGlobal();
  if (bun) return bun.isMainThread ? undefined : process.env[WORKER_ROLE];
  const scope = globalThis as { WorkerGlobalScope?: unknown; name?: string };
  return scope.WorkerGlobalScope === undefined ? undefined : scope.name || undefined;
}
