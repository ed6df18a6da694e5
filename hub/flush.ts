/**
 * When batches go out: at once after silence, coalesced by time under load. One timer serves all feeds.
 *
 * @module
 */

/** Has something to send. */
export interface Flushable {
  /** @returns how many messages went out: one for each receiver. */
  flush(): number;
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
 * Messages that may leave in a millisecond before samples are kept together for longer. A send costs some 20 µs of
 * CPU time with its system call, whatever its size, so this keeps sending to about a fifth of a core.
 */
export const SENDS_PER_MS = 10;

/** Least time between flushes, in milliseconds: no timer is finer. */
const MIN_INTERVAL_MS = 1;

/** A timer's lateness is learned from this share of each firing. */
const LEARNING_RATE = 1 / 8;

/** Later than this is a busy moment, not the timer's habit, in milliseconds. */
const MAX_HABIT_MS = 2;

/**
 * Flushes what is dirty. The first sample after an interval of silence goes out at the end of the turn in which
 * it came, so a quiet link has no added delay; what follows within the interval goes out together at its end.
 *
 * The interval is as short as {@link SENDS_PER_MS} allows for as many receivers as the last flush had, and at most
 * `maxIntervalMs`: a few dashboards get their samples sooner, many cost no more than they must.
 */
export class FlushScheduler {
  #dirty: Flushable[] = [];
  #scheduled = false;
  #lastMs = -Infinity;
  #intervalMs = 0;
  #dueMs = 0;
  /** How late timers are here: Deno's fire up to 1.3 ms after their time, Bun's 0.1 ms. */
  #habitMs = 0;
  readonly #run = () => this.flush();
  readonly #late = () => {
    const lateMs = this.timers.nowMs() - this.#dueMs + this.#habitMs;
    this.#habitMs += LEARNING_RATE * (Math.min(MAX_HABIT_MS, Math.max(0, lateMs)) - this.#habitMs);
    this.flush();
  };

  /** @param fault Is told when a target throws; the others are flushed all the same. */
  constructor(
    readonly maxIntervalMs: number,
    readonly timers: FlushTimers = systemFlushTimers,
    readonly fault: (error: unknown) => void = rethrow,
  ) {}

  /** `target` has something to send. Call once until it is flushed. */
  mark(target: Flushable): void {
    this.#dirty.push(target);
    if (this.#scheduled) return;
    this.#scheduled = true;
    const nowMs = this.timers.nowMs();
    this.#dueMs = this.#lastMs + this.#intervalMs;
    const wait = this.#dueMs - nowMs;
    if (wait <= 0) this.timers.endOfTurn(this.#run);
    else this.timers.later(this.#late, Math.max(0, wait - this.#habitMs));
  }

  /** Flushes all that is dirty now. */
  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    this.#scheduled = false;
    this.#lastMs = this.timers.nowMs();
    let sends = 0;
    for (const target of dirty) {
      try {
        sends += target.flush();
      } catch (error) {
        this.fault(error);
      }
    }
    this.#intervalMs = Math.min(this.maxIntervalMs, Math.max(MIN_INTERVAL_MS, sends / SENDS_PER_MS));
  }
}

/** Where nobody listens for faults they end the program, but not the round in which they came. */
function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
