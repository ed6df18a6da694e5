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
import type { Connection } from "./sqlite.ts";

/** Chunks are regrouped at the latest when there are this many: each is a lookup for a reader. */
const MAX_CHUNKS = 512;

/** Chunks are regrouped at the latest at this age, in milliseconds. */
const MAX_CHUNK_AGE_MS = 600_000;

/** How often the limits of age and size are looked at, in milliseconds. */
const TRIM_INTERVAL_MS = 10_000;

/** How often producers that have given up are looked for, in milliseconds: few come, and each is a small row. */
const FORGET_INTERVAL_MS = 3_600_000;

/** What tidying needs of the writer. */
export interface TidyingParts {
  connection: Connection;
  limits: StoreLimits;
  /** A step is about to be taken. */
  stepping(): void;
  /** The file is to be cut, which carrying the write-ahead log over to it does. */
  shortened(): void;
  /** The disk refused a step; it is tried again later. */
  failed(error: unknown): void;
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
  #job: Generator<void> | undefined;
  #turn: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  readonly #workspace = new Workspace();

  constructor(readonly parts: TidyingParts) {}

  /** Looks at what an earlier run left, and begins. */
  start(nowMs: number): void {
    this.#countChunks(nowMs);
    this.#job = removeRegrouped(this.parts.connection);
    this.schedule();
  }

  /** Takes no turn any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#turn);
  }

  /** A chunk of so many bytes, unpacked, has been stored. */
  stored(bytes: number): void {
    this.chunks++;
    this.#chunkBytes += bytes;
    if (this.#oldestChunkMs === Infinity) this.#oldestChunkMs = Date.now();
  }

  /** Gives the tidying its next turn, behind whatever messages have come in. */
  schedule(): void {
    if (this.#stopped || (this.#job && this.#turn !== undefined)) return;
    this.#job ??= this.#attempt(() => this.#nextJob(Date.now()));
    clearTimeout(this.#turn);
    this.#turn = setTimeout(() => this.#takeTurn(), this.#job ? 0 : TRIM_INTERVAL_MS);
  }

  /** Does all that there is to do, at once. */
  finish(nowMs: number): void {
    const { connection, limits } = this.parts;
    for (; this.#job && !this.#job.next().done;);
    this.#job = undefined;
    while (this.chunks > 0) for (const _ of this.#compact(nowMs));
    for (let topic = this.#mergeQueue.pop(); topic !== undefined; topic = this.#mergeQueue.pop()) {
      for (const _ of merge(connection, topic));
    }
    for (const _ of forgetProducers(connection, nowMs));
    for (const _ of trim(connection, limits, nowMs));
  }

  /** What has to be tidied up next. */
  #nextJob(nowMs: number): Generator<void> | undefined {
    const { connection, limits } = this.parts;
    if (nowMs >= this.#nextTrimMs) {
      this.#nextTrimMs = nowMs + TRIM_INTERVAL_MS;
      return this.#trim(nowMs);
    }
    if (nowMs >= this.#nextForgetMs) {
      this.#nextForgetMs = nowMs + FORGET_INTERVAL_MS;
      return forgetProducers(connection, nowMs);
    }
    const due = this.#chunkBytes >= limits.compactBytes || this.chunks >= MAX_CHUNKS ||
      nowMs - this.#oldestChunkMs >= MAX_CHUNK_AGE_MS;
    // Only regrouped samples can be removed.
    if (due || (this.chunks > 0 && isTooLarge(connection, limits))) return this.#compact(nowMs);
    const topic = this.#mergeQueue.pop();
    return topic === undefined ? undefined : merge(connection, topic);
  }

  *#compact(nowMs: number): Generator<void> {
    const { connection, limits } = this.parts;
    yield* compact(connection, limits.compactBytes, this.#workspace);
    this.#countChunks(nowMs);
    this.#mergeQueue = yield* worthMerging(connection);
    this.#nextTrimMs = 0;
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
    if (this.#job) this.parts.stepping();
    const goesOn = this.#attempt(() => this.#job?.next().done === false);
    if (goesOn) this.#turn = setTimeout(() => this.#takeTurn(), 0);
    else {
      this.#job = undefined;
      this.schedule();
    }
  }

  /** Runs a piece of tidying; when the disk refuses, it is left for later. */
  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#nextTrimMs = Date.now() + TRIM_INTERVAL_MS;
      this.parts.failed(error);
      return undefined;
    }
  }
}
