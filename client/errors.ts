/**
 * Errors of the SDK. A wrong argument is a `TypeError` or `RangeError`; these are for what can happen to a
 * correct program.
 *
 * @module
 */

/** The connection was ended for good, by `close()` or by the gateway; `reason` is a close code's name or a text. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";

  readonly reason: string;

  constructor(reason: string) {
    super(`the connection is closed: ${reason}`);
    this.reason = reason;
  }
}

/** An event was not taken, since the buffer holds as much as it may. */
export class BufferFullError extends Error {
  override readonly name = "BufferFullError";

  readonly bufferedBytes: number;
  readonly limitBytes: number;

  constructor(bufferedBytes: number, limitBytes: number) {
    super(
      `event buffer holds ${bufferedBytes} bytes of at most ${limitBytes}: wait for ready(), or raise bufferBytes`,
    );
    this.bufferedBytes = bufferedBytes;
    this.limitBytes = limitBytes;
  }
}

/** An event was dropped for a newer one, by the overflow policy `drop-oldest`. */
export class DroppedError extends Error {
  override readonly name = "DroppedError";
}

/** The gateway refused something; `code` is its machine-readable name. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";

  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/** The outcome of a write is not known: the connection broke, or the time ran out, before the gateway told it. */
export class UnknownOutcomeError extends Error {
  override readonly name = "UnknownOutcomeError";
}

/** What somebody else's code threw, as an error: anything can be thrown. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
