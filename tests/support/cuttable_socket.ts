/**
 * A WebSocket for the SDK whose connection a test can break: nothing more gets through either way, and the
 * client sees what it sees when a network fails.
 *
 * @module
 */
import type { WebSocketConstructor } from "../../client/mod.ts";

/** Makes sockets and breaks them. */
export class Cutter {
  /** Connections made so far. */
  connections = 0;
  #open = new Set<() => void>();

  /** For `environment.WebSocket`. */
  readonly WebSocket: WebSocketConstructor;

  constructor() {
    const { add, remove } = {
      add: (cut: () => void) => {
        this.connections++;
        this.#open.add(cut);
      },
      remove: (cut: () => void) => void this.#open.delete(cut),
    };
    this.WebSocket = class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        const cut = () => {
          remove(cut);
          const told = this.onclose;
          this.onopen = this.onmessage = this.onclose = null;
          this.close();
          told?.call(this, new CloseEvent("close", { code: 1006, reason: "", wasClean: false }));
        };
        add(cut);
        this.addEventListener("close", () => remove(cut));
      }
    } as unknown as WebSocketConstructor;
  }

  /** Breaks every connection. */
  cut(): void {
    for (const cut of [...this.#open]) cut();
  }
}
