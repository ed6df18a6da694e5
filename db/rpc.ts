/**
 * Calls across a message port, typed by one map of methods: to a worker, or within this thread where there is
 * none. Buffers named as transferred move without a copy.
 *
 * @module
 */

/** One end of a connection. */
export interface Port {
  post(message: unknown, transfer: ArrayBuffer[]): void;
  /** Sets who is told of messages. */
  listen(received: (message: unknown) => void): void;
}

/** Method names with the type of their one argument and their result. */
export type Methods = Record<string, { argument: unknown; result: unknown }>;

/** A result together with the buffers in it that move to the caller. */
export class Transferring<T> {
  constructor(readonly result: T, readonly buffers: ArrayBuffer[]) {}
}

type Awaitable<T> = T | Promise<T>;

/** What serves the calls of `M`. */
export type Handlers<M extends Methods> = {
  [K in keyof M]: (argument: M[K]["argument"]) => Awaitable<M[K]["result"] | Transferring<M[K]["result"]>>;
};

interface Call {
  id: number;
  method: string;
  argument: unknown;
}

type Answer =
  | { id: number; ok: true; result: unknown }
  | { id: number; ok: false; message: string }
  | { notice: unknown };

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** The calling end. */
export class Client<M extends Methods> {
  #next = 1;
  #waiting = new Map<number, Waiting>();
  #dead: Error | undefined;

  /** `noticed` is told what the other end says without having been asked. */
  constructor(private readonly port: Port, noticed: (notice: unknown) => void = () => {}) {
    port.listen((message) => {
      const answer = message as Answer;
      if ("notice" in answer) return noticed(answer.notice);
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.ok) waiting?.resolve(answer.result);
      else waiting?.reject(new Error(answer.message));
    });
  }

  /** Calls a method. Rejects with the other end's message when it throws there. */
  call<K extends keyof M & string>(
    method: K,
    argument: M[K]["argument"],
    transfer: ArrayBuffer[] = [],
  ): Promise<M[K]["result"]> {
    if (this.#dead) return Promise.reject(this.#dead);
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.port.post({ id, method, argument } satisfies Call, transfer);
    });
  }

  /** Ends every open call, and all to come, with `error`: the other end is gone. */
  fail(error: Error): void {
    this.#dead = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}

/** Serves calls that come in on `port`. @returns a function that sends a notice to the caller. */
export function serve<M extends Methods>(port: Port, handlers: Handlers<M>): (notice: unknown) => void {
  const answer = (reply: Answer, transfer: ArrayBuffer[] = []) => port.post(reply, transfer);
  const run = async ({ id, method, argument }: Call) => {
    try {
      const result = await handlers[method as keyof M](argument);
      if (result instanceof Transferring) answer({ id, ok: true, result: result.result }, result.buffers);
      else answer({ id, ok: true, result });
    } catch (error) {
      answer({ id, ok: false, message: error instanceof Error ? error.message : String(error) });
    }
  };
  port.listen((message) => void run(message as Call));
  return (notice) => answer({ notice });
}

/** Two ends joined within this thread: a message arrives in a microtask, as it is, without a copy. */
export function localPorts(): [Port, Port] {
  const listeners: ((message: unknown) => void)[] = [() => {}, () => {}];
  const end = (own: 0 | 1): Port => ({
    post: (message) => queueMicrotask(() => listeners[1 - own]!(message)),
    listen: (received) => listeners[own] = received,
  });
  return [end(0), end(1)];
}
