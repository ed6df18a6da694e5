/**
 * How far a peer is behind in reading, judged by what waits to leave this process for it.
 *
 * @module
 */
import type { Transport } from "../transport/transport.ts";

/** Above this many waiting bytes a peer leaves its shared feeds: about two full batches. */
export const HIGH_WATER_BYTES = 131_072;

/** At or below this many a peer can take more. */
export const LOW_WATER_BYTES = 16_384;

/** A peer whose backlog has not shrunk to the low mark for so long reads nothing any more. */
export const STUCK_AFTER_MS = 30_000;

/** What a look at the backlog says. */
export type BacklogState = "clear" | "waiting" | "behind" | "stuck";

/** Watches the backlog of one transport. */
export class Backlog {
  #since: number | undefined;

  constructor(readonly transport: Transport) {}

  /** Whether more can be sent without a queue building up. */
  get clear(): boolean {
    return this.transport.bufferedBytes <= LOW_WATER_BYTES;
  }

  /** Whether a peer that reads would not fall behind by some more. */
  get roomy(): boolean {
    return this.transport.bufferedBytes <= HIGH_WATER_BYTES;
  }

  /**
   * Looks once. `behind`: too many bytes wait, or something has waited for longer than `maxStaleMs`.
   *
   * @param nowMs Milliseconds of a steady clock.
   */
  look(nowMs: number, maxStaleMs: number): BacklogState {
    const bytes = this.transport.bufferedBytes;
    if (bytes <= LOW_WATER_BYTES) {
      this.#since = undefined;
      return "clear";
    }
    this.#since ??= nowMs;
    const waitedMs = nowMs - this.#since;
    if (waitedMs >= STUCK_AFTER_MS) return "stuck";
    return bytes > HIGH_WATER_BYTES || waitedMs >= maxStaleMs ? "behind" : "waiting";
  }
}
