/**
 * What a worker thread of the gateway runs: the writer or the reader of the database.
 *
 * @module
 */
import { startReader } from "./reader.ts";
import type { Port } from "./rpc.ts";
import { READY } from "./thread.ts";
import { startWriter } from "./writer.ts";

/** What a worker's global scope offers, of which this needs little. */
interface WorkerScope {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

function scopePort(): Port {
  const scope = globalThis as unknown as WorkerScope;
  return {
    post: (message, transfer) => scope.postMessage(message, transfer),
    listen: (received) => scope.onmessage = (event) => received(event.data),
  };
}

/** Serves as the writer on this worker's own port. */
export function runWriter(): void {
  startWriter(scopePort());
  (globalThis as unknown as WorkerScope).postMessage(READY, []);
}

/** Serves as the reader on this worker's own port. */
export function runReader(): void {
  startReader(scopePort());
  (globalThis as unknown as WorkerScope).postMessage(READY, []);
}

/** Serves in `role` if that is one of the database's. @returns whether it was. */
export function runWorker(role: string): boolean {
  switch (role) {
    case "storage":
      runWriter();
      return true;
    case "reader":
      runReader();
      return true;
    default:
      return false;
  }
}
