/**
 * What is wrong with a request to the access part, as an error that its callers can answer.
 *
 * @module
 */

/** Kinds of refusal: the values are wrong, there is no such thing, it exists already, or a bound is reached. */
export type AccessProblem = "invalid" | "not_found" | "conflict" | "limit";

/** Thrown when an operator asks for something that cannot be done; the message says what to do instead. */
export class AccessError extends Error {
  override readonly name = "AccessError";

  /**
   * @param problem Kind of refusal.
   * @param message What happened, with the actual value and the limit.
   * @param field Property of the request that is at fault.
   */
  constructor(readonly problem: AccessProblem, message: string, readonly field?: string) {
    super(message);
  }
}
