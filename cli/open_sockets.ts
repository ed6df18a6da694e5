/**
 * Waits until the connections of this program's devices are really over: a program that exits right after it
 * closed a device would be gone before the close frame is, and the gateway would record a lost connection.
 *
 * @module
 */

/** The part of the standard's WebSocket client that this needs. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocket;

/** A gateway that answers at all answers a close within this, in milliseconds, on a busy machine too. */
const CLOSE_WITHIN_MS = 4_000;

/** Sockets that are not closed yet. */
export class OpenSockets {
  readonly #open = new Set<WebSocket>();
  #changed = Promise.withResolvers<void>();

  /** A class of sockets that this one knows of. */
  watching(base: WebSocketClass): WebSocketClass {
    const opened = (socket: WebSocket) => this.#opened(socket);
    return class extends base {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        opened(this);
      }
    };
  }

  #opened(socket: WebSocket): void {
    this.#open.add(socket);
    socket.addEventListener("close", () => {
      this.#open.delete(socket);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    });
  }

  /** Resolves when all are closed, or after `withinMs` whatever they are. */
  async closed(withinMs = CLOSE_WITHIN_MS): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#changed.resolve();
    }, withinMs);
    while (this.#open.size > 0 && !late) await this.#changed.promise;
    clearTimeout(timer);
  }
}
