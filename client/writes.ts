/**
 * Writes on their way: each ends with the gateway's word, or with the knowledge that there will be none.
 *
 * @module
 */
import type { DashboardMessage, ToDashboard } from "../protocol/control.ts";
import type { Environment } from "./environment.ts";
import { RefusedError, UnknownOutcomeError } from "./errors.ts";

/** The gateway's word on a write. */
export interface WriteResult {
  /**
   * `accepted`: a desired value is set, and the device gets it as soon as it can. `done`, `failed`: the device
   * carried a command out, or could not. `timeout`: the device did not answer in time.
   */
  status: "accepted" | "done" | "failed" | "timeout";
  message?: string;
  /** What the device answered. */
  value?: unknown;
}

/** A `write` message. */
export type WriteMessage = Extract<DashboardMessage, { type: "write" }>;

type ResultMessage = Extract<ToDashboard, { type: "result" }>;

/** How much longer than the gateway this side waits for the result, in milliseconds: a slow round trip. */
const GRACE_MS = 5_000;

interface PendingWrite {
  message: WriteMessage;
  sent: boolean;
  resolve: (result: WriteResult) => void;
  reject: (error: Error) => void;
  stopTimer: () => void;
}

/** The writes that wait for their result. */
export class Writes {
  #pending = new Map<number, PendingWrite>();
  #nextId = 1;

  readonly #env: Environment;
  readonly #send: (message: WriteMessage) => boolean;

  constructor(env: Environment, send: (message: WriteMessage) => boolean) {
    this.#env = env;
    this.#send = send;
  }

  /** Sends a write, now or when the session opens; see `Dashboard.write`. */
  write(body: Omit<WriteMessage, "type" | "id">, timeoutMs: number): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const message: WriteMessage = { type: "write", id, ...body, timeoutMs };
      const stopTimer = this.#env.timer(() => this.#expired(id), timeoutMs + GRACE_MS);
      this.#pending.set(id, { message, sent: this.#send(message), resolve, reject, stopTimer });
    });
  }

  /** The session is open: sends what waited for it. */
  opened(): void {
    for (const write of this.#pending.values()) write.sent ||= this.#send(write.message);
  }

  /** The gateway's word. Results of writes that were given up are passed over. */
  result({ id, status, message, value }: ResultMessage): void {
    this.#settle(id)?.resolve({
      status,
      ...(message === undefined ? {} : { message }),
      ...(value === undefined ? {} : { value }),
    });
  }

  /** The gateway refused the write. */
  refused(id: number, code: string, message: string): void {
    this.#settle(id)?.reject(new RefusedError(code, message));
  }

  /**
   * The connection is gone: what was sent may or may not have been carried out. Writing twice is the caller's
   * to decide.
   */
  lost(): void {
    for (const [id, write] of this.#pending) {
      if (!write.sent) continue;
      this.#settle(id)?.reject(
        new UnknownOutcomeError(`connection lost before the result of the write to ${write.message.topic}`),
      );
    }
  }

  /** Nothing is sent any more. */
  closed(error: Error): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error);
  }

  #expired(id: number): void {
    const write = this.#settle(id);
    write?.reject(
      new UnknownOutcomeError(
        write.sent
          ? `no result of the write to ${write.message.topic} in time`
          : `not connected in time for the write to ${write.message.topic}; it was not sent`,
      ),
    );
  }

  #settle(id: number): PendingWrite | undefined {
    const write = this.#pending.get(id);
    this.#pending.delete(id);
    write?.stopTimer();
    return write;
  }
}
