/**
 * How far a peer is behind in reading, judged by what waits to leave this process for it.
 *
 * @module
 */
import type { Transport } from "../transport/transport.ts";

/** Above this many waiting bytes for {@link GRACE_MS}, a peer leaves its shared feeds: about two full batches. */
export const HIGH_WATER_BYTES = 131_072;

/** Above this many it leaves them at once. */
export const FULL_BYTES = 524_288;

/**
 * How long a backlog may stand before it counts: at 14 MB/s, what fifty busy devices send, a peer on the next core
 * that is kept from running for 9 ms has {@link HIGH_WATER_BYTES} waiting and reads them as soon as it runs.
 */
export const GRACE_MS = 100;

/** At or below this many a peer can take more. */
export const LOW_WATER_BYTES = 16_384;

/** A peer whose backlog has not shrunk to the low mark for so long reads nothing any more. */
export const STUCK_AFTER_MS = 30_000;

/** What a look at the backlog says. */
export type BacklogState = "clear" | "waiting" | "behind" | "stuck";

/** Watches the backlog of one transport, and wakes those who wait for it to clear. */
export class Backlog {
  #since: number | undefined;
  #waiters: ((clear: boolean) => void)[] = [];
  #over = false;

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
   * Looks once. `behind`: too many bytes wait for too long, or something has waited for longer than `maxStaleMs`.
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
    const standing = bytes > HIGH_WATER_BYTES && waitedMs >= GRACE_MS;
    return standing || bytes > FULL_BYTES || waitedMs >= maxStaleMs ? "behind" : "waiting";
  }
  /** Resolves when it is clear, with false when the connection is over. */
  cleared(): Promise<boolean> {
    if (this.#over) return Promise.resolve(false);
    if (this.clear) return Promise.resolve(true);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Looks whether it has cleared for those who wait. */
  wake(): void {
    if (this.#waiters.length > 0 && this.clear) this.#settle(true);
  }

  /** The connection is over. */
  end(): void {
    this.#over = true;
    this.#settle(false);
  }

  #settle(clear: boolean): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const settle of waiters) settle(clear);
  }
}
