/**
 * Keeps the recording within its limits of age and size: removes the oldest in small steps and gives the room
 * back to the file system.
 *
 * @module
 */
import { and, asc, inArray, isNotNull, lt, lte, sql } from "drizzle-orm";
import type { StoreLimits } from "./messages.ts";
import { addToMeta, committedGeneration } from "./meta.ts";
import { MAX_PRODUCERS_PER_TOPIC } from "./producers.ts";
import { blocks, META, sessionEvents, sessions, trimmed } from "./schema.ts";
import { type Connection, transaction } from "./sqlite.ts";

/** Rows removed in one transaction: each is up to nine pages to set free. */
const ROWS_PER_STEP = 16;

/** Pages given back in one step; each may have to be moved. */
const PAGES_PER_STEP = 32;

/** The file is not shortened for fewer pages than this. */
const MIN_PAGES = 128;

/** Topics whose producers are looked at in one step. */
const TOPICS_PER_STEP = 64;

/** Smallest limit of size: below it, the write-ahead log and work in progress would be most of the file. */
export const MIN_MAX_BYTES = 32 * 1024 * 1024;

/** Part of the size limit that the database itself may fill. */
const FILL = 0.9;

/** Part of the size limit by which trimming goes below it, so that it need not start again at once. */
const HEADROOM = 0.15;

/** A producer not heard of for this long is forgotten, in milliseconds. Its device has surely given up. */
const PRODUCER_AGE_MS = 400 * 24 * 3_600_000;

/** Sizes of the file, in pages and bytes. */
export function fileSize({ raw }: Connection): { pages: number; free: number; pageBytes: number } {
  const number = (name: string) => Number(Object.values(raw.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  return { pages: number("page_count"), free: number("freelist_count"), pageBytes: number("page_size") };
}

function usedBytes(connection: Connection): number {
  const { pages, free, pageBytes } = fileSize(connection);
  return (pages - free) * pageBytes;
}

/** Largest write-ahead log where there is no limit of size, or a large one. */
const MAX_WAL_BYTES = 64 * 1024 * 1024;

/** Bytes at which the writer itself carries the write-ahead log over, should the reader's thread not keep up. */
export function walBytes({ maxBytes }: StoreLimits): number {
  return maxBytes > 0 ? Math.min(MAX_WAL_BYTES, maxBytes / 4) : MAX_WAL_BYTES;
}

/** Bytes that the database itself may take, beside its write-ahead log. */
function allowedBytes(limits: StoreLimits): number {
  return limits.maxBytes * FILL - walBytes(limits);
}

/** Whether the data has outgrown the limit of size. */
export function isTooLarge(connection: Connection, limits: StoreLimits): boolean {
  return limits.maxBytes > 0 && usedBytes(connection) > allowedBytes(limits);
}

interface Removed {
  topic: number;
  run: number;
  lastOffset: number;
}

/** Remembers how far the samples of each topic are gone, so that a reader can be told exactly. */
function remember({ db }: Connection, removed: Removed[]): void {
  for (const row of removed) {
    db.insert(trimmed).values(row).onConflictDoUpdate({
      target: [trimmed.topic, trimmed.run],
      set: { lastOffset: sql`max(last_offset, excluded.last_offset)` },
    }).run();
  }
}

/** Removes the oldest blocks, those whose newest sample is before `beforeUs`. @returns how many. */
function removeBlocks(connection: Connection, beforeUs: number): number {
  const { db } = connection;
  return transaction(connection, () => {
    const old = db.select({
      id: blocks.id,
      topic: blocks.topic,
      run: blocks.run,
      lastOffset: blocks.lastOffset,
      samples: blocks.samples,
    }).from(blocks)
      // What a compaction that failed has left behind is still in the chunks: it is not removed, only written anew.
      .where(and(lt(blocks.maxUs, beforeUs), lte(blocks.generation, committedGeneration(connection))))
      .orderBy(asc(blocks.maxUs)).limit(ROWS_PER_STEP).all();
    if (old.length === 0) return 0;
    db.delete(blocks).where(inArray(blocks.id, old.map((row) => row.id))).run();
    remember(connection, old.map(({ topic, run, lastOffset }) => ({ topic, run, lastOffset })));
    addToMeta(connection, META.removedSamples, old.reduce((sum, row) => sum + row.samples, 0));
    return old.length;
  });
}

/** Removes the oldest closed sessions with their events. @returns how many. */
function removeSessions({ db }: Connection, beforeMs: number): number {
  const old = db.select({ number: sessions.number }).from(sessions)
    .where(and(isNotNull(sessions.endedAt), lt(sessions.endedAt, beforeMs)))
    .orderBy(asc(sessions.endedAt)).limit(ROWS_PER_STEP).all().map((row) => row.number);
  if (old.length === 0) return 0;
  db.delete(sessionEvents).where(inArray(sessionEvents.session, old)).run();
  db.delete(sessions).where(inArray(sessions.number, old)).run();
  return old.length;
}

/**
 * Forgets producers that have surely given up: of each topic the last few stay, for as long as they are heard. Yields
 * after each step.
 */
export function* forgetProducers({ raw }: Connection, nowMs: number): Generator<void> {
  const nextTopic = raw.prepare("SELECT min(topic) AS topic FROM producers WHERE topic >= ?");
  const forget = raw.prepare(`
    DELETE FROM producers WHERE (topic, producer) IN (
      SELECT topic, producer FROM (
        SELECT topic, producer, updated_at,
          row_number() OVER (PARTITION BY topic ORDER BY updated_at DESC) AS place
        FROM producers WHERE topic BETWEEN ? AND ?
      ) WHERE place > ? OR updated_at < ?
    )`);
  for (let from = 0;;) {
    const { topic } = nextTopic.get(from) as { topic: number | null };
    if (topic === null) return;
    from = topic + TOPICS_PER_STEP;
    forget.run(topic, from - 1, MAX_PRODUCERS_PER_TOPIC, nowMs - PRODUCER_AGE_MS);
    yield;
  }
}

/**
 * Removes what is too old or too much, then shortens the file. Yields after each step.
 *
 * @returns whether the file is shorter as soon as the write-ahead log is carried over to it.
 */
export function* trim(
  connection: Connection,
  limits: StoreLimits,
  nowMs: number,
): Generator<void, boolean> {
  if (limits.maxAgeMs > 0) {
    const beforeMs = nowMs - limits.maxAgeMs;
    while (removeBlocks(connection, beforeMs * 1000) > 0) yield;
    while (transaction(connection, () => removeSessions(connection, beforeMs)) > 0) yield;
  }
  const target = limits.maxBytes > 0 ? allowedBytes(limits) - limits.maxBytes * HEADROOM : Infinity;
  while (usedBytes(connection) > target) {
    if (removeBlocks(connection, Number.MAX_SAFE_INTEGER) === 0) {
      if (transaction(connection, () => removeSessions(connection, nowMs)) === 0) break;
    }
    yield;
  }
  return yield* shorten(connection, limits);
}

/** Gives free pages back to the file system while the file is above its limit or a good part of it is free. */
function* shorten(connection: Connection, limits: StoreLimits): Generator<void, boolean> {
  let shortened = false;
  for (;;) {
    const { pages, free, pageBytes } = fileSize(connection);
    const above = limits.maxBytes > 0 && pages * pageBytes > allowedBytes(limits);
    if (free < MIN_PAGES || !(above || free > pages / 4)) break;
    // `exec` would give back one page only: the pragma does a page for each row that is asked of it.
    connection.raw.prepare(`PRAGMA incremental_vacuum(${PAGES_PER_STEP})`).all();
    if (fileSize(connection).pages >= pages) break;
    shortened = true;
    yield;
  }
  return shortened;
}
