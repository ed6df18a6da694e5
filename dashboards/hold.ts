/**
 * How long one that fell behind waits before it goes live again: not at all where it was busy for once, longer each time
 * it falls behind soon after, so that a link which carries almost enough does not go to and fro.
 *
 * @module
 */

/** Who falls behind again within this time waits, within these bounds, in milliseconds. */
const RELAPSE_MS = 5_000;
const MIN_HOLD_MS = 500;
const MAX_HOLD_MS = 10_000;

/** A line that was never seen to carry everything is tried again after so long, in milliseconds: each try may fill it for a second or two. */
const TRY_EVERY_MS = 300_000;

/** Says when a subscription may go live. */
export class Hold {
  #liveMs = -Infinity;
  /** Since when it is live, or was before it fell. */
  #sinceMs = Infinity;
  #trusted = false;
  #fellMs = -Infinity;
  #busyMs = -Infinity;
  #holdMs = 0;

  /** It fell behind. `slow`: since the link is too slow, which it will still be in a moment. */
  fell(nowMs: number, slow: boolean): void {
    const relapse = nowMs - this.#liveMs < RELAPSE_MS;
    if (nowMs - this.#sinceMs >= RELAPSE_MS) this.#trusted = true;
    else if (this.#holdMs === MAX_HOLD_MS) this.#trusted = false;
    const least = slow || relapse ? MIN_HOLD_MS : 0;
    this.#holdMs = Math.min(MAX_HOLD_MS, Math.max(least, relapse ? 2 * this.#holdMs : 0));
    this.#fellMs = nowMs;
    this.#busyMs = nowMs;
  }

  /**
   * Whether the link has carried everything for a while, or it is time to try it: then newer values that replace those
   * which wait do not show that it is slow, as long as nothing else does.
   */
  trusting(nowMs: number): boolean {
    return this.#trusted || nowMs - this.#fellMs >= TRY_EVERY_MS;
  }

  /** The link carried less than there was. */
  busy(nowMs: number): void {
    this.#busyMs = nowMs;
  }

  /** Whether it carried all for long enough. */
  over(nowMs: number): boolean {
    return nowMs - this.#busyMs >= this.#holdMs;
  }

  /** Whether it fell long enough ago to take the state lane, on which it does not matter that the line carries less. */
  rested(nowMs: number): boolean {
    return nowMs - this.#fellMs >= this.#holdMs;
  }

  /** It is live; after it was behind, a fall soon after counts as a relapse. */
  wentLive(nowMs: number): void {
    this.#sinceMs = nowMs;
    if (this.#busyMs > -Infinity) this.#liveMs = nowMs;
  }
}
