/**
 * The one writer: commits what the main thread sends, in order, and tidies up in between. Runs in a worker, or
 * in this thread where there is none.
 *
 * @module
 */
import { statfsSync, statSync } from "node:fs";
import { sql } from "drizzle-orm";
import { beginRun, endRun, loadBoot } from "./boot.ts";
import { type ApplyChange, changeApplier } from "./changes.ts";
import { ChunkReader } from "./chunk.ts";
import { compact, Workspace } from "./compactor.ts";
import { pack } from "./compression.ts";
import { merge, MERGE_AT, smallBlocks } from "./merger.ts";
import type {
  Change,
  FilledChunk,
  Opened,
  StoreLimits,
  WriterMethods,
  WriterNotice,
  WriterStatus,
} from "./messages.ts";
import { addToMeta, metaValue } from "./meta.ts";
import { migrate } from "./migrate.ts";
import { isTooLarge, MIN_MAX_BYTES, trim, walBytes } from "./retention.ts";
import { type Handlers, type Port, serve, Transferring } from "./rpc.ts";
import { blocks, chunks, META, producers } from "./schema.ts";
import {
  type Connection,
  DATABASE_FILE,
  explain,
  faultOf,
  isPassing,
  lockFolder,
  openForWriting,
  transaction,
} from "./sqlite.ts";

/** A commit that the disk refused is tried again after this time, in milliseconds. */
const RETRY_MS = 250;

/** Chunks are regrouped at the latest when there are this many: each is a lookup for a reader. */
const MAX_CHUNKS = 512;

/** Chunks are regrouped at the latest at this age, in milliseconds. */
const MAX_CHUNK_AGE_MS = 600_000;

/** How often the limits of age and size are looked at, in milliseconds. */
const TRIM_INTERVAL_MS = 10_000;

/** The write-ahead log is carried over when it has grown by about this much. */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;

/** What a commit adds to the write-ahead log beside its samples: some pages. */
const COMMIT_BYTES = 32_768;

/** What a step of tidying adds to it, at a guess. */
const STEP_BYTES = 262_144;

interface Pending {
  changes: Change[];
  chunk: FilledChunk | undefined;
  done(buffer: ArrayBuffer | undefined): void;
  failed(error: Error): void;
}

/** Serves {@link WriterMethods} on `port`. */
export function startWriter(port: Port): void {
  let writer: Writer | undefined;
  const opened = () => {
    if (!writer) throw new Error("the database is not open");
    return writer;
  };
  const handlers: Handlers<WriterMethods> = {
    open: ({ dir, limits, nowMs }) => {
      writer = new Writer(dir, limits, notify);
      return writer.open(nowMs ?? Date.now());
    },
    commit: async ({ changes, chunk }) => {
      const buffer = await opened().commit(changes, chunk);
      return buffer ? new Transferring({ buffer }, [buffer]) : {};
    },
    status: () => opened().status(),
    maintain: ({ nowMs }) => opened().maintain(nowMs),
    close: () => {
      writer?.close();
      writer = undefined;
      return null;
    },
  };
  const notify: (notice: WriterNotice) => void = serve(port, handlers);
}

class Writer {
  readonly limits: StoreLimits;
  #connection: Connection;
  #lock: { release(): void };
  #apply: ApplyChange = () => {};
  #insertChunk!: (chunk: FilledChunk, raw: Uint8Array) => void;
  #putProducer!: (topic: number, producer: string, sequence: number) => void;
  #run = 0;
  #queue: Pending[] = [];
  #error: string | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #job: Generator<void> | undefined;
  #turn: ReturnType<typeof setTimeout> | undefined;
  #grown = 0;
  #chunks = 0;
  #chunkBytes = 0;
  #oldestChunkMs = Infinity;
  #nextTrimMs = 0;
  #mergeQueue: number[] = [];
  readonly #workspace = new Workspace();
  #closed = false;

  constructor(
    private readonly dir: string,
    limits: StoreLimits,
    private readonly notify: (notice: WriterNotice) => void,
  ) {
    this.limits = checked(limits);
    this.#lock = lockFolder(dir);
    try {
      this.#connection = openForWriting(
        `${dir}/${DATABASE_FILE}`,
        limits.synchronous,
        walBytes(this.limits),
      );
    } catch (error) {
      this.#lock.release();
      throw error;
    }
  }

  open(nowMs: number): Opened {
    try {
      migrate(this.#connection);
      const begun = beginRun(this.#connection, nowMs);
      this.#run = begun.run;
      this.#prepare();
      this.#countChunks(nowMs);
      this.#schedule();
      return loadBoot(this.#connection, begun);
    } catch (error) {
      this.#connection.raw.close();
      this.#lock.release();
      throw new Error(explain(error, this.#connection.path), { cause: error });
    }
  }

  #prepare(): void {
    const { db } = this.#connection;
    const value = sql.placeholder;
    this.#apply = changeApplier(this.#connection, this.#run);
    const insert = db.insert(chunks).values({
      run: value("run"),
      minUs: value("minUs"),
      maxUs: value("maxUs"),
      samples: value("samples"),
      rawBytes: value("rawBytes"),
      codec: value("codec"),
      data: value("data"),
    }).prepare();
    this.#insertChunk = ({ minUs, maxUs, samples, length }, raw) =>
      void insert.run({ run: this.#run, minUs, maxUs, samples, rawBytes: length, ...pack(raw) });
    const put = db.insert(producers).values({
      topic: value("topic"),
      producer: value("producer"),
      sequence: value("sequence"),
      updatedAt: value("updatedAt"),
    }).onConflictDoUpdate({
      target: [producers.topic, producers.producer],
      set: { sequence: sql`max(sequence, excluded.sequence)`, updatedAt: sql`excluded.updated_at` },
    }).prepare();
    this.#putProducer = (topic, producer, sequence) =>
      void put.run({ topic, producer, sequence, updatedAt: Date.now() });
  }

  #countChunks(nowMs: number): void {
    const row = this.#connection.db
      .select({ count: sql<number>`count(*)`, bytes: sql<number>`coalesce(sum(raw_bytes), 0)` }).from(chunks)
      .get();
    this.#chunks = Number(row?.count ?? 0);
    this.#chunkBytes = Number(row?.bytes ?? 0);
    this.#oldestChunkMs = this.#chunks > 0 ? nowMs : Infinity;
  }

  commit(changes: Change[], chunk: FilledChunk | undefined): Promise<ArrayBuffer | undefined> {
    return new Promise((done, failed) => {
      this.#queue.push({ changes, chunk, done, failed });
      if (this.#retry === undefined) this.#drain();
    });
  }

  #drain(): void {
    this.#retry = undefined;
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      try {
        this.#write(next.changes, next.chunk);
      } catch (error) {
        if (isPassing(faultOf(error)) && !this.#closed) {
          this.#report(explain(error, this.#connection.path));
          this.#retry = setTimeout(() => this.#drain(), RETRY_MS);
          return;
        }
        this.#queue.shift();
        next.failed(new Error(explain(error, this.#connection.path), { cause: error }));
        continue;
      }
      this.#queue.shift();
      this.#report(null);
      next.done(next.chunk?.buffer);
    }
    this.#schedule();
  }

  #write(changes: Change[], chunk: FilledChunk | undefined): void {
    transaction(this.#connection, () => {
      for (const change of changes) this.#apply(change);
      if (!chunk) return;
      const raw = new Uint8Array(chunk.buffer, 0, chunk.length);
      this.#insertChunk(chunk, raw);
      if (chunk.events > 0) this.#putProducers(raw);
      addToMeta(this.#connection, META.committedSamples, chunk.samples);
    });
    this.#grow((chunk?.length ?? 0) + COMMIT_BYTES);
    if (!chunk) return;
    this.#chunks++;
    this.#chunkBytes += chunk.length;
    if (this.#oldestChunkMs === Infinity) this.#oldestChunkMs = Date.now();
  }

  /** Counts, roughly, what goes into the write-ahead log, and says when it is time to carry it over. */
  #grow(bytes: number): void {
    this.#grown += bytes;
    if (this.#grown < CHECKPOINT_BYTES) return;
    this.#grown = 0;
    this.notify({ kind: "grown" });
  }

  /** Stores the last sequence of each producer in the chunk. */
  #putProducers(raw: Uint8Array): void {
    const last = new Map<string, [topic: number, producer: string, sequence: number]>();
    const reader = new ChunkReader(raw);
    while (reader.next()) {
      if (!reader.isEvent) continue;
      const producer = reader.producer;
      last.set(`${reader.topic} ${producer}`, [reader.topic, producer, reader.sequence]);
    }
    for (const [topic, producer, sequence] of last.values()) this.#putProducer(topic, producer, sequence);
  }

  #report(error: string | null): void {
    if (error === this.#error) return;
    this.#error = error;
    this.notify({ kind: "error", error });
  }

  /** What has to be tidied up next. */
  #nextJob(nowMs: number): Generator<void> | undefined {
    const { limits } = this;
    if (nowMs >= this.#nextTrimMs) {
      this.#nextTrimMs = nowMs + TRIM_INTERVAL_MS;
      return trim(this.#connection, limits, nowMs);
    }
    const due = this.#chunkBytes >= limits.compactBytes || this.#chunks >= MAX_CHUNKS ||
      nowMs - this.#oldestChunkMs >= MAX_CHUNK_AGE_MS;
    // Only regrouped samples can be removed.
    if (due || (this.#chunks > 0 && isTooLarge(this.#connection, limits))) return this.#compact(nowMs);
    const topic = this.#mergeQueue.pop();
    if (topic !== undefined) return merge(this.#connection, topic);
    return undefined;
  }

  *#compact(nowMs: number): Generator<void> {
    yield* compact(this.#connection, this.limits.compactBytes, this.#workspace);
    this.#countChunks(nowMs);
    for (const [topic, count] of smallBlocks(this.#connection)) {
      if (count >= MERGE_AT) this.#mergeQueue.push(topic);
    }
    this.#nextTrimMs = 0;
  }

  /** Gives the tidying its next turn, behind whatever messages have come in. */
  #schedule(): void {
    if (this.#closed || (this.#job && this.#turn !== undefined)) return;
    this.#job = this.#attempt(() => this.#nextJob(Date.now()));
    clearTimeout(this.#turn);
    this.#turn = setTimeout(() => this.#takeTurn(), this.#job ? 0 : TRIM_INTERVAL_MS);
  }

  #takeTurn(): void {
    this.#turn = undefined;
    if (this.#job) this.#grow(STEP_BYTES);
    const goesOn = this.#attempt(() => this.#job?.next().done === false);
    if (goesOn) this.#turn = setTimeout(() => this.#takeTurn(), 0);
    else {
      this.#job = undefined;
      this.#schedule();
    }
  }

  /** Runs a piece of tidying; when the disk refuses, it is left for later. */
  #attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#nextTrimMs = Date.now() + TRIM_INTERVAL_MS;
      this.#report(explain(error, this.#connection.path));
      return undefined;
    }
  }

  maintain(nowMs: number): null {
    for (; this.#job && !this.#job.next().done;);
    this.#job = undefined;
    while (this.#chunks > 0) for (const _ of this.#compact(nowMs));
    for (let topic = this.#mergeQueue.pop(); topic !== undefined; topic = this.#mergeQueue.pop()) {
      for (const _ of merge(this.#connection, topic));
    }
    for (const _ of trim(this.#connection, this.limits, nowMs));
    return null;
  }

  status(): WriterStatus {
    const { raw, db, path } = this.#connection;
    const size = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    const disk = statfsSync(this.dir);
    const oldestBlock = db.select({ us: blocks.minUs }).from(blocks).orderBy(blocks.maxUs).limit(1).get()?.us;
    const oldestChunk =
      (raw.prepare("SELECT min(min_us) AS us FROM chunks").get() as { us: number | null }).us;
    const oldest = Math.min(oldestBlock ?? Infinity, oldestChunk ?? Infinity);
    const removed = Number(metaValue(this.#connection, META.removedSamples) ?? 0);
    return {
      bytes: size(path) + size(`${path}-wal`),
      freeBytes: disk.bavail * disk.bsize,
      chunks: this.#chunks,
      samples: Number(metaValue(this.#connection, META.committedSamples) ?? 0) - removed,
      oldestUs: oldest === Infinity ? null : oldest,
      removedSamples: removed,
      error: this.#error,
    };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#turn);
    clearTimeout(this.#retry);
    this.#drain();
    try {
      endRun(this.#connection, this.#run, Date.now());
    } catch (error) {
      this.#report(explain(error, this.#connection.path));
    }
    this.#connection.raw.close();
    this.#lock.release();
  }
}

/** The limits, with what is regrouped in one go small beside the whole. @throws when one cannot be kept. */
function checked(limits: StoreLimits): StoreLimits {
  const { maxBytes, compactBytes } = limits;
  if (maxBytes > 0 && maxBytes < MIN_MAX_BYTES) {
    throw new Error(
      `a recording of at most ${maxBytes} bytes is below the minimum of ${MIN_MAX_BYTES}; raise the limit, or set 0 for none`,
    );
  }
  return maxBytes > 0 ? { ...limits, compactBytes: Math.min(compactBytes, maxBytes / 8) } : limits;
}
