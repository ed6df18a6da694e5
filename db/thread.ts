/**
 * A worker thread of the database, as the main thread holds it.
 *
 * @module
 */
import type { Port } from "./rpc.ts";

/** Roles that the gateway starts threads under. */
export type WorkerRole = "storage" | "reader";

/** First message of a thread: it listens, so what is sent from now on is not lost. */
export const READY = "ready";

/** How long a thread may take to start, in milliseconds; it takes some tens, and a machine may be busy. */
const START_WITHIN_MS = 60_000;

/** A thread that is starting or runs. It may be started before anybody has something for it to do. */
export class DatabaseThread {
  readonly #worker: Worker;
  readonly #ready = Promise.withResolvers<void>();
  #received: (message: unknown) => void = () => {};
  #failed: (error: Error) => void = () => {};

  /** `worker` has just been started and calls `runWorker(role)`. */
  constructor(readonly role: WorkerRole, worker: Worker) {
    this.#worker = worker;
    const late = setTimeout(
      () => this.#ready.reject(new Error(`the ${role} worker did not start within ${START_WITHIN_MS} ms`)),
      START_WITHIN_MS,
    );
    const settled = () => clearTimeout(late);
    this.#ready.promise.then(settled, settled);
    worker.onmessage = ({ data }) => data === READY ? this.#ready.resolve() : this.#received(data);
    worker.onerror = (event) => {
      event.preventDefault?.();
      const error = new Error(`the ${role} worker failed: ${event.message}; restart the gateway`);
      this.#ready.reject(error);
      this.#failed(error);
    };
  }

  /** Resolves when the thread listens. Rejects when it failed before. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** The way to it; what is posted before it is {@link ready} may be lost. */
  get port(): Port {
    return {
      post: (message, transfer) => this.#worker.postMessage(message, transfer),
      listen: (received) => this.#received = received,
    };
  }

  /** `failed` is told when the thread has died of an error. */
  onFailed(failed: (error: Error) => void): void {
    this.#failed = failed;
  }

  /** Ends it at once. */
  stop(): void {
    this.#worker.terminate();
  }
}
