/**
 * Notices peers that have gone silent. One sweep serves all of them: a timer for each would cost more than the
 * connection itself.
 *
 * @module
 */

/** A peer under watch: three verbs and a time. */
export interface Watched {
  /** When something was last heard of it, in milliseconds of the watch's clock. The owner keeps it up to date. */
  heardMs: number;
  /** Asks it for a sign of life. */
  ping(): void;
  /** It has been silent for too long. */
  dead(): void;
}

/** When to ask and when to give up. */
export interface LivenessOptions {
  pingIntervalMs: number;
  idleTimeoutMs: number;
  /** Milliseconds of a steady clock. */
  nowMs?: () => number;
}

/** The watch over all peers of one kind. */
export class Liveness {
  #watched = new Map<Watched, number>();
  #timer: ReturnType<typeof setInterval> | undefined;
  /** When the timer is to sweep next; undefined while there is none. */
  #dueMs: number | undefined;
  readonly #everyMs: number;
  readonly nowMs: () => number;

  constructor(readonly options: LivenessOptions) {
    this.nowMs = options.nowMs ?? (() => performance.now());
    this.#everyMs = Math.max(100, options.pingIntervalMs / 4);
  }

  /** Starts the sweep, a few times per ping interval. */
  start(): void {
    this.#dueMs ??= this.nowMs() + this.#everyMs;
    this.#timer ??= setInterval(() => this.sweep(), this.#everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = this.#dueMs = undefined;
  }

  /** Watches a peer until `remove`. */
  add(peer: Watched): void {
    peer.heardMs = this.nowMs();
    this.#watched.set(peer, peer.heardMs);
  }

  remove(peer: Watched): void {
    this.#watched.delete(peer);
  }

  /** Pings the silent and reports the dead. */
  sweep(): void {
    const now = this.nowMs();
    const lostMs = this.#standstillMs(now);
    for (const [peer, askedMs] of this.#watched) {
      if (lostMs > 0) peer.heardMs = Math.min(now, peer.heardMs + lostMs);
      if (now - peer.heardMs >= this.options.idleTimeoutMs) {
        this.#watched.delete(peer);
        peer.dead();
      } else if (now - Math.max(peer.heardMs, askedMs) >= this.options.pingIntervalMs) {
        this.#watched.set(peer, now);
        peer.ping();
      }
    }
  }

  /**
   * For how long this thread did not run when it should have swept: what peers said meanwhile is not read yet, so that
   * it counts for nobody's silence.
   */
  #standstillMs(now: number): number {
    if (this.#dueMs === undefined) return 0;
    const lateMs = now - this.#dueMs;
    this.#dueMs = now + this.#everyMs;
    return lateMs >= this.#everyMs ? lateMs : 0;
  }
}
