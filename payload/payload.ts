/**
 * What payload decoders and encoders share: the description of a channel's payloads and the error.
 *
 * @module
 */
import type { Encoding, StructField } from "../protocol/control.ts";

/** What a channel declares of its payloads: enough to turn bytes into values and back. */
export interface PayloadDescription {
  readonly encoding: Encoding;
  /** Fields of encoding `struct`. */
  readonly fields?: readonly StructField[] | undefined;
}

/** Deepest nesting of arrays and objects in a payload: deep enough for any data, shallow enough for any stack. */
export const MAX_DEPTH = 64;

/**
 * A payload that is not what its encoding says, or a value that its encoding cannot hold. The only error that
 * this folder throws for what comes from outside.
 */
export class PayloadError extends Error {
  override readonly name = "PayloadError";

  /**
   * @param what What is wrong, such as "f64 payload length in bytes".
   * @param actual What was found.
   * @param limit What would have been right: a limit or a description.
   */
  constructor(readonly what: string, readonly actual: string | number, readonly limit: string | number) {
    super(`${what}: got ${actual}, expected ${typeof limit === "number" ? `at most ${limit}` : limit}`);
  }
}

/** A value as an error shows it: short, whatever it is. */
export function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(typeof value === "string" ? JSON.stringify(value) : value).slice(0, 80);
}

/**
 * A 64-bit integer as everybody can use it: a number where that is exact, else its decimal digits as a string,
 * which survives JSON; `numbers` turns both into numbers.
 */
export function safeInteger(value: bigint): number | string {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value.toString();
}
