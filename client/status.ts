/**
 * What a connection is doing, as one value.
 *
 * @module
 */
import { ClosedError } from "./errors.ts";
import type { TransportKind } from "./transport.ts";

/** A connection's status. */
export type Status =
  | {
    readonly state: "connecting";
    /** Attempts since the last open session, this one included. */
    readonly attempt: number;
  }
  | {
    /** A device without a token waits for an operator to approve it. */
    readonly state: "enrolling";
    /** Shown to the operator too: the person compares. */
    readonly code: string;
  }
  | {
    readonly state: "open";
    readonly session: string;
    /**
     * What state samples go over at this moment. Everything else goes over the WebSocket, or `datachannel`
     * where there is none.
     */
    readonly transport: TransportKind;
    /** Why, in words for people. */
    readonly transportCause: string;
    /** Last measured. */
    readonly roundTripMs: number;
    /** Bound of the error of the gateway's clock as known here. */
    readonly clockErrorMs: number;
    /** Whether this goes on with the session from before the connection was lost. */
    readonly resumed: boolean;
  }
  | {
    readonly state: "waiting";
    readonly retryInMs: number;
    /** Why the last attempt or session ended. */
    readonly reason: string;
  }
  | {
    /** For good: by `close()`, or by the gateway with a code that says not to come back. */
    readonly state: "closed";
    readonly reason: string;
  };

/** Is told of each status. */
export type StatusListener = (status: Status) => void;

/** Holds the status and tells those who watch. */
export class StatusBoard {
  #status: Status = { state: "connecting", attempt: 1 };
  #listeners = new Set<StatusListener>();

  get status(): Status {
    return this.#status;
  }

  /** Changes the status and tells everybody. A listener that throws is reported and harms nobody else. */
  set(status: Status): void {
    this.#status = status;
    for (const listener of [...this.#listeners]) tell(listener, status);
  }

  /** Tells `listener` the status now and at each change; the returned function stops that. */
  watch(listener: StatusListener): () => void {
    this.#listeners.add(listener);
    tell(listener, this.#status);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when the session is open; rejects with {@link ClosedError} when it never will be. */
  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      let stop = () => {};
      let settled = false;
      const settle = (finish: () => void) => {
        settled = true;
        stop();
        finish();
      };
      stop = this.watch((status) => {
        if (settled) return;
        if (status.state === "open") settle(resolve);
        if (status.state === "closed") settle(() => reject(new ClosedError(status.reason)));
      });
      if (settled) stop(); // it was settled while `watch` had not returned yet
    });
  }
}

function tell(listener: StatusListener, status: Status): void {
  try {
    listener(status);
  } catch (error) {
    reportFault(error);
  }
}

/** Reports a fault of the program's own callback as an uncaught error, without breaking what called it. */
export function reportFault(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
