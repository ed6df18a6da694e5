/**
 * The program of the database's threads. A module of its own, small beside the main one: each thread evaluates
 * what it loads.
 *
 * @module
 */
import { runWorker } from "../db/worker.ts";
import { workerRole } from "../runtime/worker_role.ts";

const role = workerRole();
if (role === undefined || !runWorker(role)) {
  throw new Error(`no worker has the role ${role ?? "of a main thread"}`);
}
