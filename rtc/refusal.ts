/**
 * Why a peer's offer or its candidates are not taken.
 *
 * @module
 */

/**
 * What kind of refusal it is: the text cannot be read; it can be read and not be answered; too many negotiations
 * with this address; too many peers in all; not at this moment.
 */
export type RtcRefusalKind = "malformed" | "unprocessable" | "address_limit" | "peer_limit" | "conflict";

/** Thrown at a peer's fault, or for a limit; the message says what to do. */
export class RtcRefusal extends Error {
  override readonly name = "RtcRefusal";

  constructor(readonly kind: RtcRefusalKind, message: string) {
    super(message);
  }
}
