/**
 * How the state lane is doing, judged by its confirmations alone: faster than ICE, which takes seconds to notice
 * a dead path. Decides when samples move onto the lane and when they leave it.
 *
 * @module
 */

/** A decision to move. */
export interface LaneMove {
  to: "webrtc" | "websocket";
  /** For people: what was seen. */
  cause: string;
}

/** Longest wait for a confirmation before a message is given up, while no round trip was measured, in milliseconds. */
const FIRST_TIMEOUT_MS = 400;

/** Bounds of that wait later. The lower one covers what a receiver may hold a confirmation back, and a busy event loop. */
const MIN_TIMEOUT_MS = 25;
const MAX_TIMEOUT_MS = 1_000;

/** Silence after which the lane is left: three round trips, within these bounds. The lower one is what a busy machine may take. */
const MIN_SILENCE_MS = 800;
const MAX_SILENCE_MS = 1_000;

/** With this long between two looks, in milliseconds, it was this process that was busy, not the lane that was silent. */
const STALLED_MS = 150;

/** A lane that is not in use is probed this often, one in use that has nothing to say so often, in milliseconds. */
const PROBE_MS = 100;
const IDLE_PROBE_MS = 2_500;

/** How long a lane that was left must be heard before it is used again, in milliseconds; four times as long each time. */
const FIRST_HOLD_MS = 50;
const MAX_HOLD_MS = 60_000;

/** A lane that carried for this long starts over with the shortest hold, in milliseconds. */
const FORGIVEN_AFTER_MS = 60_000;

/** With confirmations missing for this many timeouts, but not less than so many milliseconds, samples wait for the next one. */
const QUIET_TIMEOUTS = 3;
const MIN_QUIET_MS = 200;

/** With confirmations missing for two round trips, within these bounds in milliseconds, newest values take the other way too. */
const MIN_DOUBT_MS = 80;
const MAX_DOUBT_MS = 300;
const DOUBT_MARGIN_MS = 20;

/** Judges one lane. */
export class LaneHealth {
  /** Messages sent, and those taken for lost. */
  sent = 0;
  lost = 0;
  /** Whether samples go over it. */
  up = false;
  #roundTripMs: number | undefined;
  #varianceMs = 0;
  /** Since when a confirmation is missing. */
  #waitingSinceMs: number | undefined;
  /** Since when confirmations have come without a silence. */
  #heardSinceMs: number | undefined;
  #upSinceMs = 0;
  #holdMs = 0;
  #lookedMs = 0;
  #trustedSinceMs = -Infinity;

  /** Smoothed round trip; 0 before it was measured. */
  get roundTripMs(): number {
    return this.#roundTripMs ?? 0;
  }

  /** After this long without a confirmation a message is given up. */
  get timeoutMs(): number {
    if (this.#roundTripMs === undefined) return FIRST_TIMEOUT_MS;
    const wanted = this.#roundTripMs + Math.max(4 * this.#varianceMs, 15);
    return Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, wanted));
  }

  /** How often a lane with nothing to send is probed. */
  get probeEveryMs(): number {
    return this.up ? IDLE_PROBE_MS : PROBE_MS;
  }

  /** Takes in a measured round trip (RFC 6298 section 2). */
  roundTrip(ms: number): void {
    if (this.#roundTripMs === undefined) {
      this.#roundTripMs = ms;
      this.#varianceMs = ms / 2;
      return;
    }
    this.#varianceMs += (Math.abs(ms - this.#roundTripMs) - this.#varianceMs) / 4;
    this.#roundTripMs += (ms - this.#roundTripMs) / 8;
  }

  /** A message went out, and none was awaited before it. */
  waiting(nowMs: number): void {
    this.#waitingSinceMs ??= nowMs;
  }

  /** A confirmation brought news; `more` says whether others are still awaited. */
  heard(nowMs: number, more: boolean): void {
    if (this.quiet(nowMs)) this.#trustedSinceMs = nowMs;
    this.#heardSinceMs ??= nowMs;
    this.#waitingSinceMs = more ? nowMs : undefined;
  }

  /** Whether a confirmation is awaited. */
  get missing(): boolean {
    return this.#waitingSinceMs !== undefined;
  }

  /** For how long confirmations have been missing. */
  silentMs(nowMs: number): number {
    return this.#waitingSinceMs === undefined ? 0 : nowMs - this.#waitingSinceMs;
  }

  /** Whether it may be dead: what is sent on it should go another way too, until a confirmation comes. */
  doubtful(nowMs: number): boolean {
    return this.silentMs(nowMs) >= this.#doubtMs;
  }

  /** When it will be doubtful unless a confirmation comes; Infinity where it is so already, or none is awaited. */
  doubtAtMs(nowMs: number): number {
    if (this.#waitingSinceMs === undefined || this.doubtful(nowMs)) return Infinity;
    return this.#waitingSinceMs + this.#doubtMs;
  }

  get #doubtMs(): number {
    return Math.max(MIN_DOUBT_MS, Math.min(MAX_DOUBT_MS, 2 * this.roundTripMs + DOUBT_MARGIN_MS));
  }

  /** The peer's network stack has answered, if not the peer itself: the path is there, and confirmations should follow. */
  sign(nowMs: number): void {
    if (this.#waitingSinceMs === undefined) return;
    if (this.quiet(nowMs)) this.#trustedSinceMs = nowMs;
    this.#waitingSinceMs = nowMs;
  }

  /** Messages sent before have waited for the path to come back: they tell nothing of the round trip. */
  get trustedSinceMs(): number {
    return this.#trustedSinceMs;
  }

  /** Whether nothing seems to get through: what is sent now would only be in the way of newer values when it does again. */
  quiet(nowMs: number): boolean {
    return this.silentMs(nowMs) >= Math.max(MIN_QUIET_MS, QUIET_TIMEOUTS * this.timeoutMs);
  }

  /** Decides. A move it returns is made: the owner carries it out. */
  look(nowMs: number): LaneMove | undefined {
    const sinceLookMs = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    if (sinceLookMs > STALLED_MS && this.#waitingSinceMs !== undefined) this.#waitingSinceMs += sinceLookMs;
    const silentMs = Math.max(0, this.silentMs(nowMs));
    const limitMs = Math.min(MAX_SILENCE_MS, Math.max(MIN_SILENCE_MS, 3 * this.roundTripMs));
    if (silentMs >= limitMs) {
      this.#heardSinceMs = undefined;
      return this.up ? this.#leave(nowMs, silentMs) : undefined;
    }
    if (this.up || this.#heardSinceMs === undefined) return undefined;
    const heardMs = nowMs - this.#heardSinceMs;
    if (heardMs < this.#holdMs) return undefined;
    this.up = true;
    this.#upSinceMs = nowMs;
    return { to: "webrtc", cause: `the state lane answers within ${this.roundTripMs.toFixed(1)} ms` };
  }

  #leave(nowMs: number, silentMs: number): LaneMove {
    this.up = false;
    const forgiven = nowMs - this.#upSinceMs >= FORGIVEN_AFTER_MS;
    this.#holdMs = forgiven || this.#holdMs === 0 ? FIRST_HOLD_MS : Math.min(MAX_HOLD_MS, 4 * this.#holdMs);
    return { to: "websocket", cause: `no confirmation on the state lane for ${Math.round(silentMs)} ms` };
  }
}
