/**
 * What the writer does between commits: regroups chunks by topic, merges small blocks, removes what is too old or
 * too much. In small steps, so that a commit never waits for long.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import { compact, Workspace } from "./compactor.ts";
import { merge, worthMerging } from "./merger.ts";
import type { StoreLimits } from "./messages.ts";
import { notRegrouped, removeRegrouped } from "./regrouped.ts";
import { forgetProducers, isTooLarge, trim } from "./retention.ts";
import { chunks } from "./schema.ts";
import { type Chore, Setbacks } from "./setbacks.ts";
import { type Connection, explain } from "./sqlite.ts";

/** Chunks are regrouped at the latest when there are this many: each is a lookup for a reader. */
const MAX_CHUNKS = 512;

/** Chunks are regrouped at the latest at this age, in milliseconds. */
const MAX_CHUNK_AGE_MS = 600_000;

/** How often the limits of age and size are looked at, in milliseconds. */
const TRIM_INTERVAL_MS = 10_000;

/** How often producers that have given up are looked for, in milliseconds: few come, and each is a small row. */
const FORGET_INTERVAL_MS = 3_600_000;

/** In this order chores get their turns: what makes room comes first. */
const CHORES: readonly Chore[] = ["trim", "forget", "regroup", "merge"];

/** The timers that tidying needs; tests step them. */
export interface TidyingTimers {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Runs `task` after `ms` milliseconds; the returned function stops that. */
  later(task: () => void, ms: number): () => void;
}

const SYSTEM_TIMERS: TidyingTimers = {
  nowMs: () => Date.now(),
  later: (task, ms) => {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};

/** What tidying needs of the writer. */
export interface TidyingParts {
  connection: Connection;
  limits: StoreLimits;
  /** A step is about to be taken. */
  stepping(): void;
  /** The file is to be cut, which carrying the write-ahead log over to it does. */
  shortened(): void;
  /** The disk refuses a chore, which is tried again by itself: told once, until it is done (`error` is null). */
  setback(chore: Chore, error: string | null): void;
  /** Default: the runtime's. */
  timers?: TidyingTimers;
}

/** A chore under way. */
interface Job {
  chore: Chore;
  steps: Generator<void>;
}

/** Tidies up the database. */
export class Tidying {
  /** Chunks that are not regrouped yet. */
  chunks = 0;
  #chunkBytes = 0;
  #oldestChunkMs = Infinity;
  #nextTrimMs = 0;
  #nextForgetMs = 0;
  #mergeQueue: number[] = [];
  #job: Job | undefined;
  /** Stops the timer of the next turn. */
  #turn: (() => void) | undefined;
  #stopped = false;
  readonly #timers: TidyingTimers;
  readonly #setbacks = new Setbacks();
  readonly #workspace = new Workspace();

  constructor(readonly parts: TidyingParts) {
    this.#timers = parts.timers ?? SYSTEM_TIMERS;
  }

  /** Attempts at a chore that the disk refused in this run. */
  get refused(): number {
    return this.#setbacks.refused;
  }

  /** Why a chore does not get on, or null when all do. */
  get error(): string | null {
    return this.#setbacks.error;
  }

  /** Looks at what an earlier run left, and begins. */
  start(nowMs: number): void {
    this.#countChunks(nowMs);
    this.#job = { chore: "regroup", steps: removeRegrouped(this.parts.connection) };
    this.schedule();
  }

  /** Takes no turn any more. */
  stop(): void {
    this.#stopped = true;
    this.#turn?.();
  }

  /** A chunk of so many bytes, unpacked, has been stored. */
  stored(bytes: number): void {
    this.chunks++;
    this.#chunkBytes += bytes;
    if (this.#oldestChunkMs === Infinity) this.#oldestChunkMs = this.#timers.nowMs();
  }

  /** Gives the tidying its next turn, behind whatever messages have come in. */
  schedule(): void {
    if (this.#stopped || (this.#job && this.#turn !== undefined)) return;
    this.#job ??= this.#nextJob(this.#timers.nowMs());
    this.#turn?.();
    this.#turn = this.#timers.later(() => this.#takeTurn(), this.#job ? 0 : TRIM_INTERVAL_MS);
  }

  /** Does all that there is to do, at once. @throws when the disk refuses. */
  finish(nowMs: number): void {
    const { connection, limits } = this.parts;
    const steps = this.#job?.steps;
    this.#job = undefined;
    for (; steps && !steps.next().done;);
    while (this.chunks > 0) for (const _ of this.#compact(nowMs));
    while (this.#mergeQueue.length > 0) for (const _ of this.#merge());
    for (const _ of forgetProducers(connection, nowMs));
    for (const _ of trim(connection, limits, nowMs));
    for (const chore of this.#setbacks.chores) this.#done(chore);
  }

  /** What has to be tidied up next. */
  #nextJob(nowMs: number): Job | undefined {
    for (const chore of CHORES) {
      if (this.#setbacks.isResting(chore, nowMs)) continue;
      try {
        const steps = this.#begin(chore, nowMs);
        if (steps) return { chore, steps };
      } catch (error) {
        this.#refused(chore, error);
      }
    }
    return undefined;
  }

  /** Begins a chore if it is time for it, which it always is when its last attempt was refused. */
  #begin(chore: Chore, nowMs: number): Generator<void> | undefined {
    const again = this.#setbacks.has(chore);
    switch (chore) {
      case "trim":
        if (!again && nowMs < this.#nextTrimMs) return undefined;
        this.#nextTrimMs = nowMs + TRIM_INTERVAL_MS;
        return this.#trim(nowMs);
      case "forget":
        if (!again && nowMs < this.#nextForgetMs) return undefined;
        this.#nextForgetMs = nowMs + FORGET_INTERVAL_MS;
        return forgetProducers(this.parts.connection, nowMs);
      case "regroup":
        return again || this.#isRegroupingDue(nowMs) ? this.#compact(nowMs) : undefined;
      case "merge":
        return this.#mergeQueue.length > 0 ? this.#merge() : undefined;
    }
  }

  #isRegroupingDue(nowMs: number): boolean {
    const { connection, limits } = this.parts;
    const due = this.#chunkBytes >= limits.compactBytes || this.chunks >= MAX_CHUNKS ||
      nowMs - this.#oldestChunkMs >= MAX_CHUNK_AGE_MS;
    // Only regrouped samples can be removed.
    return due || (this.chunks > 0 && isTooLarge(connection, limits));
  }

  *#compact(nowMs: number): Generator<void> {
    const { connection, limits } = this.parts;
    yield* compact(connection, limits.compactBytes, this.#workspace);
    this.#countChunks(nowMs);
    this.#mergeQueue = yield* worthMerging(connection);
    this.#nextTrimMs = 0;
  }

  /** Merges the blocks of one topic. One that is refused goes behind the others: it may be the only damaged one. */
  *#merge(): Generator<void> {
    const topic = this.#mergeQueue.pop()!;
    try {
      yield* merge(this.parts.connection, topic);
    } catch (error) {
      this.#mergeQueue.unshift(topic);
      throw error;
    }
  }

  *#trim(nowMs: number): Generator<void> {
    if (yield* trim(this.parts.connection, this.parts.limits, nowMs)) this.parts.shortened();
  }

  #countChunks(nowMs: number): void {
    const row = this.parts.connection.db
      .select({ count: sql<number>`count(*)`, bytes: sql<number>`coalesce(sum(raw_bytes), 0)` }).from(chunks)
      .where(notRegrouped).get();
    this.chunks = Number(row?.count ?? 0);
    this.#chunkBytes = Number(row?.bytes ?? 0);
    this.#oldestChunkMs = this.chunks > 0 ? nowMs : Infinity;
  }

  #takeTurn(): void {
    this.#turn = undefined;
    if (this.#job && this.#goesOn(this.#job)) {
      this.#turn = this.#timers.later(() => this.#takeTurn(), 0);
    } else {
      this.#job = undefined;
      this.schedule();
    }
  }

  /** Takes a step. @returns whether there are more. */
  #goesOn({ chore, steps }: Job): boolean {
    this.parts.stepping();
    try {
      if (!steps.next().done) return true;
      this.#done(chore);
    } catch (error) {
      this.#refused(chore, error);
    }
    return false;
  }

  #done(chore: Chore): void {
    if (this.#setbacks.clear(chore)) this.parts.setback(chore, null);
  }

  #refused(chore: Chore, cause: unknown): void {
    const error = explain(cause, this.parts.connection.path);
    if (this.#setbacks.add(chore, error, this.#timers.nowMs())) this.parts.setback(chore, error);
  }
}
