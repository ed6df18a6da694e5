/**
 * The program of the database's threads. A module of its own, small beside the main one: each thread evaluates
 * what it loads.
 *
 * @module
 */
import { runWorker } from "../db/worker.ts";
import { currentRuntime } from "../runtime/mod.ts";

const { workerRole } = currentRuntime();
if (workerRole === undefined || !runWorker(workerRole)) {
  throw new Error(`no worker has the role ${workerRole ?? "of a main thread"}`);
}
