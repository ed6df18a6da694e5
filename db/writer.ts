/**
 * The one writer: commits what the main thread sends, in order, and tidies up in between. Runs in a worker, or
 * in this thread where there is none.
 *
 * @module
 */
import { statfsSync, statSync } from "node:fs";
import { beginRun, endRun, loadBoot } from "./boot.ts";
import { type ApplyChange, changeApplier } from "./changes.ts";
import { chunkInserter } from "./chunk_rows.ts";
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
import { MIN_MAX_BYTES, walBytes } from "./retention.ts";
import { type Handlers, type Port, serve, Transferring } from "./rpc.ts";
import { blocks, META } from "./schema.ts";
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
import { Tidying } from "./tidying.ts";

/** A commit that the disk refused is tried again after this time, in milliseconds. */
const RETRY_MS = 250;

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
  #insertChunk: (chunk: FilledChunk) => void = () => {};
  #run = 0;
  #queue: Pending[] = [];
  #error: string | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #grown = 0;
  readonly #tidying: Tidying;
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
    this.#tidying = new Tidying({
      connection: this.#connection,
      limits: this.limits,
      stepping: () => this.#grow(STEP_BYTES),
      shortened: () => this.#grow(CHECKPOINT_BYTES),
      setback: (chore, error) => this.notify({ kind: "setback", chore, error }),
    });
  }

  open(nowMs: number): Opened {
    try {
      migrate(this.#connection);
      const begun = beginRun(this.#connection, nowMs);
      this.#run = begun.run;
      this.#apply = changeApplier(this.#connection, this.#run);
      this.#insertChunk = chunkInserter(this.#connection, this.#run);
      this.#tidying.start(nowMs);
      return loadBoot(this.#connection, begun);
    } catch (error) {
      this.#connection.raw.close();
      this.#lock.release();
      throw new Error(explain(error, this.#connection.path), { cause: error });
    }
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
    this.#tidying.schedule();
  }

  #write(changes: Change[], chunk: FilledChunk | undefined): void {
    transaction(this.#connection, () => {
      for (const change of changes) this.#apply(change);
      if (!chunk) return;
      this.#insertChunk(chunk);
      addToMeta(this.#connection, META.committedSamples, chunk.samples);
    });
    this.#grow((chunk?.length ?? 0) + COMMIT_BYTES);
    if (chunk) this.#tidying.stored(chunk.length);
  }

  /** Counts, roughly, what goes into the write-ahead log, and says when it is time to carry it over. */
  #grow(bytes: number): void {
    this.#grown += bytes;
    if (this.#grown < CHECKPOINT_BYTES) return;
    this.#grown = 0;
    this.notify({ kind: "grown" });
  }

  #report(error: string | null): void {
    if (error === this.#error) return;
    this.#error = error;
    this.notify({ kind: "error", error });
  }

  maintain(nowMs: number): null {
    this.#tidying.finish(nowMs);
    this.#connection.raw.prepare("PRAGMA wal_checkpoint(PASSIVE)").all();
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
      chunks: this.#tidying.chunks,
      samples: Number(metaValue(this.#connection, META.committedSamples) ?? 0) - removed,
      oldestUs: oldest === Infinity ? null : oldest,
      removedSamples: removed,
      error: this.#error,
      tidyingRefused: this.#tidying.refused,
      tidyingError: this.#tidying.error,
    };
  }

  close(): void {
    this.#closed = true;
    this.#tidying.stop();
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
