/**
 * How much a device may change the descriptions of its topics: each change goes to every dashboard that sees the
 * topic and to disk, so one that advertises anew in a loop would flood them.
 *
 * @module
 */
import { MAX_CHANGED_BYTES, MAX_CHANGED_BYTES_PER_SECOND } from "../protocol/limits.ts";

interface Bucket {
  left: number;
  atMs: number;
}

/** The budgets of all devices that have changed something. */
export class ChangeBudget {
  readonly #buckets = new Map<string, Bucket>();

  /** @param nowMs Milliseconds of a steady clock. */
  constructor(readonly nowMs: () => number = () => performance.now()) {}

  /** Takes `bytes` out of a device's budget; false, and nothing is taken, where it does not hold them. */
  take(device: string, bytes: number): boolean {
    const nowMs = this.nowMs();
    const { left, atMs } = this.#buckets.get(device) ?? { left: MAX_CHANGED_BYTES, atMs: nowMs };
    const refilled = left + (nowMs - atMs) / 1_000 * MAX_CHANGED_BYTES_PER_SECOND;
    const now = Math.min(MAX_CHANGED_BYTES, refilled);
    this.#buckets.set(device, { left: now >= bytes ? now - bytes : now, atMs: nowMs });
    return now >= bytes;
  }
}
