/**
 * When to connect again, and whether to.
 *
 * @module
 */
import { closeCode, shouldReconnect } from "../protocol/close_codes.ts";

/** Bounds of the wait between attempts. */
export interface Backoff {
  /** Wait before the second attempt, in milliseconds. */
  minMs: number;
  /** No wait is longer, in milliseconds. */
  maxMs: number;
}

/** Short enough that a restart of the gateway is hardly seen, long enough that ten thousand clients do not stop it from starting. */
export const DEFAULT_BACKOFF: Backoff = { minMs: 250, maxMs: 15_000 };

/**
 * The wait before an attempt: doubles with each failure up to the bound, and lies anywhere in the upper half
 * so that clients which lost the same gateway do not come back at the same moment.
 *
 * @param failures Attempts that failed in a row, from 1.
 * @param random From 0 to 1.
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const bound = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(failures - 1, 30));
  return bound * (0.5 + random / 2);
}

/** Whether to connect again after a connection ended with `code`; see {@link shouldReconnect}. */
export function mayReconnect(code: number): boolean {
  return shouldReconnect(code);
}

/** The name of a close code for status and logs. */
export function closeName(code: number): string {
  if (code === 1006) return "connection_lost";
  return closeCode(code)?.name ?? `close_${code}`;
}
