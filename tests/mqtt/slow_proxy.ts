/**
 * A way to a broker on which its answers take their time.
 *
 * @module
 */

/** Passes bytes on at once in one direction and late in the other. */
export class SlowProxy implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #done: Promise<void>;
  readonly #open = new Set<Deno.Conn>();

  /** @param delayMs By how much the broker's answers come later. */
  constructor(readonly target: number, readonly delayMs: number) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#done = this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const broker = await Deno.connect({ hostname: "127.0.0.1", port: this.target });
      this.#open.add(client).add(broker);
      client.readable.pipeTo(broker.writable).catch(() => {});
      const { delayMs } = this;
      const late = new TransformStream<{ bytes: Uint8Array; due: number }, Uint8Array>({
        async transform({ bytes, due }, to) {
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
