/**
 * Starts the database's threads: from source, or from the text that a bundled program carries.
 *
 * @module
 */
import { DatabaseThread, type WorkerRole } from "../db/thread.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { embedded } from "./embedded_thread.ts";

/** Hands out the database's threads. */
export type StartThread = (role: WorkerRole) => DatabaseThread;

/**
 * Starts the writer's thread now, so that it loads while the rest of the gateway does; the other is started when
 * it is asked for.
 */
export function databaseThreads(runtime: Runtime): StartThread {
  const module = embedded === undefined
    ? new URL("./thread.ts", import.meta.url).href
    : URL.createObjectURL(new Blob([embedded], { type: "text/javascript" }));
  const start = (role: WorkerRole) => new DatabaseThread(role, runtime.startWorker(role, module));
  let writer: DatabaseThread | undefined = start("storage");
  return (role) => {
    if (role !== "storage" || !writer) return start(role);
    const started = writer;
    writer = undefined;
    return started;
  };
}
