/**
 * The peer's fault, as an error that knows its close code. Our own faults are ordinary errors.
 *
 * @module
 */
import type { CloseCode } from "./close_codes.ts";

/** Thrown by the codec when what a peer sent breaks the protocol. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  /** The close code that answers it. */
  readonly close: CloseCode;

  /**
   * @param close The close code that answers it.
   * @param message What happened, with the actual value and the limit.
   */
  constructor(close: CloseCode, message: string) {
    super(message);
    this.close = close;
  }
}
