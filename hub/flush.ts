/**
 * When batches go out: at once after silence, coalesced by time under load. One scheduler serves all feeds.
 *
 * @module
 */
import { Rhythm } from "./rhythm.ts";

/** What a flush has sent: each receiver's message counts. */
export interface Sent {
  messages: number;
  bytes: number;
}

/** Has something to send. */
export interface Flushable {
  /** Sends it, and adds what went out to `sent`. */
  flush(sent: Sent): void;
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

/** Lateness is learned from this share of each time. */
const LEARNING_RATE = 1 / 8;

/** Later than this is a busy moment, not a habit, in milliseconds. */
const MAX_HABIT_MS = 2;

/** Messages of this size fill a packet on most networks, in bytes: waiting for more in them saves less. */
const PACKET_BYTES = 1_400;

/** Share of the longest wait for which such messages are kept. */
const FULL_SHARE = 0.8;

/** When a steady stream stops, its last samples wait for so long beyond the interval, in milliseconds. */
export const STRAGGLERS_MS = 20;

/** How a {@link FlushScheduler} works. */
export interface FlushOptions {
  /** Longest wait under load, in milliseconds. */
  maxIntervalMs: number;
  /**
   * Whether batches leave with the first message that comes when they are due, as long as messages come steadily,
   * where a timer is dear. What tells of messages is {@link FlushScheduler.arrived}.
   */
  withMessages?: boolean;
  timers?: FlushTimers;
  /** Is told when a target throws; the others are flushed all the same. */
  fault?: (error: unknown) => void;
}

/** What ends the wait of a batch: the turn of the event loop, a timer, or the next message. */
type Awaited = "nothing" | "turn" | "timer" | "message";

/**
 * Flushes what is dirty. The first sample after an interval of silence goes out at the end of the turn in which
 * it came, so a quiet link has no added delay; what follows within the interval goes out together at its end.
 *
 * The interval is as short as {@link SENDS_PER_MS} allows for as many receivers as the last flush had, and at most
 * `maxIntervalMs`: a few dashboards get their samples sooner, many cost no more than they must. Batches that are
 * large already are not kept for as long.
 */
export class FlushScheduler {
  readonly timers: FlushTimers;
  readonly #maxIntervalMs: number;
  readonly #withMessages: boolean;
  readonly #fault: (error: unknown) => void;
  #dirty: Flushable[] = [];
  #awaited: Awaited = "nothing";
  #lastMs = -Infinity;
  #intervalMs = 0;
  #dueMs = 0;
  /** How late flushes are: Deno's timers fire up to 1.3 ms after their time, Bun's 0.1 ms, and messages come when they come. */
  #habitMs = 0;
  readonly #rhythm = new Rhythm();
  /** Whether the timer for a stream that stops is running. */
  #watching = false;
  readonly #sent: Sent = { messages: 0, bytes: 0 };
  readonly #run = () => this.flush();
  readonly #late = () => {
    this.#learn(this.timers.nowMs());
    this.flush();
  };
  readonly #stragglers = () => {
    this.#watching = false;
    if (this.#awaited !== "message") return;
    const leftMs = this.#dueMs + STRAGGLERS_MS - this.timers.nowMs();
    if (leftMs > MIN_INTERVAL_MS) this.#watch(leftMs);
    else this.flush();
  };

  constructor(options: FlushOptions) {
    this.#maxIntervalMs = options.maxIntervalMs;
    this.#withMessages = options.withMessages ?? false;
    this.timers = options.timers ?? systemFlushTimers;
    this.#fault = options.fault ?? rethrow;
  }

  /** `target` has something to send. Call once until it is flushed. */
  mark(target: Flushable): void {
    this.#dirty.push(target);
    if (this.#awaited !== "nothing") return;
    const nowMs = this.timers.nowMs();
    this.#dueMs = this.#lastMs + this.#intervalMs;
    const wait = this.#dueMs - nowMs;
    if (wait <= 0) this.#endWithTurn();
    else if (this.#rhythm.steady(nowMs, this.#intervalMs)) {
      this.#awaited = "message";
      if (!this.#watching) this.#watch(wait + STRAGGLERS_MS);
    } else {
      this.#awaited = "timer";
      this.timers.later(this.#late, Math.max(0, wait - this.#habitMs));
    }
  }

  /** A message came at `nowMs`, of the timers' clock, and its samples are published. */
  arrived(nowMs: number): void {
    if (!this.#withMessages) return;
    this.#rhythm.beat(nowMs, this.#intervalMs);
    if (this.#awaited !== "message" || nowMs < this.#dueMs - this.#habitMs) return;
    this.#learn(nowMs);
    this.#endWithTurn();
  }

  /** Flushes all that is dirty now. */
  flush(): void {
    const dirty = this.#dirty;
    const sent = this.#sent;
    this.#dirty = [];
    this.#awaited = "nothing";
    this.#lastMs = this.timers.nowMs();
    sent.messages = sent.bytes = 0;
    for (const target of dirty) {
      try {
        target.flush(sent);
      } catch (error) {
        this.#fault(error);
      }
    }
    const full = sent.bytes > PACKET_BYTES * sent.messages;
    const most = full ? FULL_SHARE * this.#maxIntervalMs : this.#maxIntervalMs;
    this.#intervalMs = Math.min(most, Math.max(MIN_INTERVAL_MS, sent.messages / SENDS_PER_MS));
  }

  #endWithTurn(): void {
    this.#awaited = "turn";
    this.timers.endOfTurn(this.#run);
  }

  /** One timer for many batches: it is looked at anew when it fires, and not moved with each. */
  #watch(ms: number): void {
    this.#watching = true;
    this.timers.later(this.#stragglers, ms);
  }

  /** A flush that was due comes at `nowMs`: the interval is to be right on average. */
  #learn(nowMs: number): void {
    const lateMs = nowMs - this.#dueMs + this.#habitMs;
    this.#habitMs += LEARNING_RATE * (Math.min(MAX_HABIT_MS, Math.max(0, lateMs)) - this.#habitMs);
  }
}

/** Where nobody listens for faults they end the program, but not the round in which they came. */
function rethrow(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
