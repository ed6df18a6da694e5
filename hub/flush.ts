/**
 * When batches go out: at once after silence, coalesced by time under load. One timer serves all feeds.
 *
 * @module
 */

/** Has something to send. */
export interface Flushable {
  flush(): void;
}

/** The timers that flushing needs; tests step them. */
export interface FlushTimers {
  /** Milliseconds of a steady clock. */
  nowMs(): number;
  /** Runs `task` when the current turn of the event loop is over. */
  endOfTurn(task: () => void): void;
  /** Runs `task` after `ms` milliseconds; the returned function stops that. */
  later(task: () => void, ms: number): () => void;
}

/** Timers of the runtime. */
export const systemFlushTimers: FlushTimers = {
  nowMs: () => performance.now(),
  endOfTurn: (task) => queueMicrotask(task),
  later: (task, ms) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Flushes what is dirty. The first sample after `intervalMs` of silence goes out at the end of the turn in which
 * it came, so a quiet link has no added delay; what follows within the interval goes out together at its end.
 */
export class FlushScheduler {
  #dirty: Flushable[] = [];
  #scheduled = false;
  #lastMs = -Infinity;
  readonly #run = () => this.flush();

  constructor(readonly intervalMs: number, readonly timers: FlushTimers = systemFlushTimers) {}

  /** `target` has something to send. Call once until it is flushed. */
  mark(target: Flushable): void {
    this.#dirty.push(target);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = this.#lastMs + this.intervalMs - this.timers.nowMs();
    if (wait <= 0) this.timers.endOfTurn(this.#run);
    else this.timers.later(this.#run, wait);
  }

  /** Flushes all that is dirty now. */
  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    this.#scheduled = false;
    this.#lastMs = this.timers.nowMs();
    for (const target of dirty) target.flush();
  }
}
