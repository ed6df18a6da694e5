/**
 * The `WebSocket` of npm `ws` as the server needs it.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { WebSocket } from "ws";
import { CLOSE } from "../protocol/close_codes.ts";

/** RFC 6455 section 7.1.5: the peer's closing frame bore no code. */
const NO_CODE = 1005;

/**
 * The `WebSocket` of `ws`, with a word at the right time. `ws` itself calls `close` when the peer closes or sends
 * what is not allowed, but emits its event only once the connection is gone; the owner is to know at once.
 */
export class ServerWebSocket extends WebSocket {
  /** Told that the peer closes, or has to be closed for what it sent. */
  closing: (code: number, reason: string) => void = () => {};
  /** Largest message, which the refusal names; `ws` gives no reason of its own. */
  maxMessageBytes = 0;

  override close(code?: number, reason?: string | Buffer): void {
    const said = code === CLOSE.messageTooLarge.code && reason === undefined
      ? `message too large, the limit is ${this.maxMessageBytes} bytes`
      : reason;
    super.close(code, said);
    this.closing(code ?? NO_CODE, said?.toString() ?? "");
  }

  /** Closes on the gateway's own account. */
  shut(code: number, reason: string): void {
    super.close(code, reason);
  }
}
