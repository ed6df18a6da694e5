/**
 * How far a peer is behind in reading, judged by what waits to leave this process for it, and by what has left and
 * not arrived.
 *
 * @module
 */
import { FEED_BATCH_BYTES } from "../hub/feed.ts";
import { LineFlow } from "../protocol/line_flow.ts";
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
const STUCK_AFTER_MS = 30_000;

/** Smallest batch worth a message of its own while little may be sent, in bytes: about a packet. */
const LEAST_BATCH_BYTES = 1_200;

/** What a look at the backlog says. */
export type BacklogState = "clear" | "waiting" | "behind" | "stuck";

/** Watches the backlog of one transport, and wakes those who wait for it to clear. */
export class Backlog {
  #since: number | undefined;
  #waiters: ((clear: boolean) => void)[] = [];
  #over = false;

  readonly flow: LineFlow;

  /** @param ping Sends a ping with this number to the peer. */
  constructor(readonly transport: Transport, ping: (id: number) => void = () => {}) {
    this.flow = new LineFlow(transport.traffic, ping);
  }

  /** Whether more can be sent without a queue building up. */
  get clear(): boolean {
    return this.transport.bufferedBytes <= LOW_WATER_BYTES && this.flow.room >= LEAST_BATCH_BYTES;
  }

  /** Whether a peer that reads would not fall behind by some more. */
  get roomy(): boolean {
    return this.transport.bufferedBytes <= HIGH_WATER_BYTES && this.flow.room >= LEAST_BATCH_BYTES;
  }

  /** How much the next batch for one that is behind may hold, in bytes. */
  get batchBytes(): number {
    // a quarter of the window, so that word of one part lets the next go while others are under way
    const part = Math.min(this.flow.window.bytes / 4, this.flow.room);
    return this.flow.known ? Math.min(FEED_BATCH_BYTES, Math.max(LEAST_BATCH_BYTES, part)) : FEED_BATCH_BYTES;
  }

  /**
   * Looks once. `behind`: too many bytes wait for too long, or something has waited for longer than `maxStaleMs`.
   *
   * @param nowMs Milliseconds of a steady clock.
   * @param overLane State takes another way: only what waits in this process counts.
   */
  look(nowMs: number, maxStaleMs: number, overLane = false): BacklogState {
    const bytes = this.transport.bufferedBytes;
    const queued = !overLane && (this.flow.standing(nowMs) || this.flow.waitedMs(nowMs) > maxStaleMs);
    if (bytes <= LOW_WATER_BYTES) {
      this.#since = undefined;
      return queued ? "behind" : "clear";
    }
    this.#since ??= nowMs;
    const waitedMs = nowMs - this.#since;
    if (waitedMs >= STUCK_AFTER_MS) return "stuck";
    const standing = bytes > HIGH_WATER_BYTES && waitedMs >= GRACE_MS;
    return queued || standing || bytes > FULL_BYTES || waitedMs >= maxStaleMs ? "behind" : "waiting";
  }

  /** Something was sent to those who are behind: the sooner it is known to have arrived, the sooner goes more. */
  sent(nowMs: number): void {
    if (!this.flow.known) return;
    this.flow.pace(nowMs);
    if (this.clear) this.flow.window.idle();
    else this.flow.window.blocked(nowMs);
  }

  /** Resolves when it is clear, with false when the connection is over. */
  cleared(): Promise<boolean> {
    if (this.#over) return Promise.resolve(false);
    if (this.clear) return Promise.resolve(true);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Whether somebody waits for it to clear. */
  get awaited(): boolean {
    return this.#waiters.length > 0;
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
