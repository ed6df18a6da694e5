/**
 * A way to a broker on which its answers take their time, or do not come until they are let through.
 *
 * @module
 */

/** Passes bytes on at once in one direction and late in the other. */
export class SlowProxy implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #done: Promise<void>;
  readonly #open = new Set<Deno.Conn>();
  #gate = Promise.withResolvers<void>();

  /** @param delayMs By how much the broker's answers come later. */
  constructor(readonly target: number, readonly delayMs: number) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#gate.resolve();
    this.#done = this.#accept();
  }

  /** No answer gets through until {@link release}. */
  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  /** Lets the answers through that were held, and those that come. */
  release(): void {
    this.#gate.resolve();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const broker = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
      this.#open.add(client).add(broker);
      client.readable.pipeTo(broker.writable).catch(() => {});
      const { delayMs } = this;
      const late = new TransformStream<{ bytes: Uint8Array; due: number }, Uint8Array>({
        transform: async ({ bytes, due }, to) => {
          await this.#gate.promise;
          await new Promise((go) => setTimeout(go, Math.max(0, due - performance.now())));
          to.enqueue(bytes);
        },
      }, { highWaterMark: 1_024 });
      const stamp = new TransformStream<Uint8Array, { bytes: Uint8Array; due: number }>({
        transform: (bytes, to) => to.enqueue({ bytes, due: performance.now() + delayMs }),
      }, { highWaterMark: 1_024 });
      broker.readable.pipeThrough(stamp).pipeThrough(late).pipeTo(client.writable).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#done.catch(() => {});
    for (const conn of this.#open) {
      try {
        conn.close();
      } catch {
        // The stream has closed it.
      }
    }
  }
}
