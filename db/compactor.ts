/**
 * Regroups committed chunks into blocks of one topic each, in steps short enough that no commit waits for them.
 *
 * The blocks of one go carry a generation that readers do not see until all of them are written; then one
 * small transaction makes them visible and the chunks invisible, which are removed after it. A crash before it
 * leaves blocks of an unfinished generation, one behind it chunks that are regrouped; the next start deletes either.
 *
 * @module
 */
import { and, eq, gt, inArray, sql } from "drizzle-orm";
import type { TopicDescription } from "../hub/topic.ts";
import { encodeBlock } from "./block.ts";
import { committedGeneration, metaValue, setMeta } from "./meta.ts";
import { ChunkReader } from "./chunk.ts";
import { Columns } from "./columns.ts";
import { CODEC, pack, unpack } from "./compression.ts";
import { numberOf } from "./numbers.ts";
import { notRegrouped, removeRegrouped, setRegroupedTo } from "./regrouped.ts";
import { release } from "./release.ts";
import { blocks, chunks, META, topics } from "./schema.ts";
import { type Connection, transaction } from "./sqlite.ts";
import { Step } from "./step.ts";
import { summarize } from "./summary.ts";

/** Payload bytes of a full block: a few times what zstd needs to do well, and read in well under 1 ms. */
export const BLOCK_BYTES = 65_536;

/** Samples of a full block, where payloads are small. */
export const BLOCK_SAMPLES = 8_192;

/** Blocks below half of a full one are merged later. */
export const SMALL_BYTES = BLOCK_BYTES / 2;

/** With more changes of session than this within one go, a block holds samples of several sessions. */
const MAX_SESSION_CUTS = 4;

/**
 * Samples sorted between two looks at the clock, which costs as much as two of them. Not more: the room of a hundred
 * topics of one rate grows with the same few hundred samples, for some 100 µs each.
 */
const SORTED_AT_A_TIME = 16;

/** What a row of `blocks` says beside its key. */
export type NewBlock = Omit<typeof blocks.$inferInsert, "id">;

/** Makes the row of a block from samples `from` to `to` (not included). */
export function blockRow(
  columns: Columns,
  from: number,
  to: number,
  place: { generation: number; topic: number; run: number; description: TopicDescription | undefined },
): NewBlock {
  const raw = encodeBlock(columns, from, to);
  let minUs = Infinity;
  let maxUs = 0;
  let session = columns.sessions[from]!;
  for (let i = from; i < to; i++) {
    minUs = Math.min(minUs, columns.timesUs[i]!);
    maxUs = Math.max(maxUs, columns.timesUs[i]!);
    if (columns.sessions[i] !== session) session = 0;
  }
  const { generation, topic, run, description } = place;
  const small = raw.length < SMALL_BYTES && to - from < BLOCK_SAMPLES / 2;
  const packed = pack(raw);
  if (packed.codec !== CODEC.stored) release(raw);
  return {
    generation,
    small,
    topic,
    run,
    firstOffset: columns.offsets[from]!,
    lastOffset: columns.offsets[to - 1]!,
    minUs,
    maxUs,
    session,
    samples: to - from,
    rawBytes: packed.rawBytes,
    codec: packed.codec,
    summary: description ? summarize(columns, from, to, numberOf(description)) : null,
    data: packed.data,
  };
}

/** Where to cut: at full blocks, and where the session changes unless it does so all the time. */
export function* cuts(columns: Columns): Generator<[from: number, to: number]> {
  let changes = 0;
  for (let i = 1; i < columns.count; i++) if (columns.sessions[i] !== columns.sessions[i - 1]) changes++;
  const bySession = changes <= MAX_SESSION_CUTS;
  let from = 0;
  for (let i = 1; i <= columns.count; i++) {
    const full = i < columns.count &&
      (columns.ends[i]! - columns.start(from) > BLOCK_BYTES || i - from >= BLOCK_SAMPLES);
    const cut = bySession && i < columns.count && columns.sessions[i] !== columns.sessions[i - 1];
    if (i === columns.count || full || cut) {
      yield [from, i];
      from = i;
    }
  }
}

/** Descriptions of topics by id. */
export function descriptions({ db }: Connection): (topic: number) => TopicDescription | undefined {
  const query = db.select({ description: topics.description }).from(topics)
    .where(eq(topics.id, sql.placeholder("id"))).prepare();
  const known = new Map<number, TopicDescription | undefined>();
  return (id) => {
    if (!known.has(id)) known.set(id, query.get({ id })?.description);
    return known.get(id);
  };
}

/** Prepares the insertion of blocks. A row that is written is used up: the memory of its data is given back. */
export function blockInserter({ db }: Connection): (row: NewBlock) => void {
  const value = sql.placeholder;
  const insert = db.insert(blocks).values({
    generation: value("generation"),
    small: value("small"),
    topic: value("topic"),
    run: value("run"),
    firstOffset: value("firstOffset"),
    lastOffset: value("lastOffset"),
    minUs: value("minUs"),
    maxUs: value("maxUs"),
    session: value("session"),
    samples: value("samples"),
    rawBytes: value("rawBytes"),
    codec: value("codec"),
    summary: value("summary"),
    data: value("data"),
  }).prepare();
  return (row) => {
    insert.run({ ...row });
    release(row.data);
  };
}

type Groups = Map<number, Map<number, Columns>>;

/**
 * Room for the samples of one go after the other, so that not every go has to grow it anew. Holds at most
 * what the largest go needed, and forgets the topics that a go did not touch.
 */
export class Workspace {
  #spare: Columns[] = [];

  /** Empty columns. */
  take(): Columns {
    return this.#spare.pop() ?? new Columns();
  }

  /** Takes the columns of a go back. */
  giveBack(groups: Groups): void {
    this.#spare = [...groups.values()].flatMap((byTopic) => [...byTopic.values()]);
    for (const columns of this.#spare) columns.clear();
  }
}

/** Sorts the samples of a chunk into their topic's columns. Yields when the step is over. */
function* sort(
  topics: Map<number, Columns>,
  bytes: Uint8Array,
  workspace: Workspace,
  step: Step,
): Generator<void> {
  const reader = new ChunkReader(bytes);
  for (let sorted = 1; reader.next(); sorted++) {
    let columns = topics.get(reader.topic);
    if (!columns) topics.set(reader.topic, columns = workspace.take());
    columns.push(reader.offset, reader.timeUs, reader.session, reader.bytes, reader.start, reader.end);
    if (sorted % SORTED_AT_A_TIME !== 0 || !step.isOver) continue;
    yield;
    step.restart();
  }
}

function* newBlocks(groups: Groups, generation: number, describe: ReturnType<typeof descriptions>) {
  for (const [run, byTopic] of groups) {
    for (const [topic, columns] of byTopic) {
      for (const [from, to] of cuts(columns)) {
        yield blockRow(columns, from, to, { generation, topic, run, description: describe(topic) });
      }
    }
  }
}

/** Writes rows for the length of a step in one transaction. @returns true when all are written. */
function writeSome(
  connection: Connection,
  rows: Iterator<NewBlock>,
  insert: (row: NewBlock) => void,
): boolean {
  return transaction(connection, () => {
    for (const step = new Step(); !step.isOver;) {
      const next = rows.next();
      if (next.done) return true;
      insert(next.value);
    }
    return false;
  });
}

/** Sorts the oldest chunks of up to `maxBytes` into `groups`. @returns the last chunk taken, undefined when there is none. */
function* regroup(
  { db }: Connection,
  maxBytes: number,
  groups: Groups,
  workspace: Workspace,
): Generator<void, number | undefined> {
  const listed = db.select({ id: chunks.id, rawBytes: chunks.rawBytes }).from(chunks).where(notRegrouped)
    .orderBy(chunks.id).all();
  const stored = db.select().from(chunks).where(eq(chunks.id, sql.placeholder("id"))).prepare();
  const step = new Step();
  let last: number | undefined;
  let taken = 0;
  for (const { id, rawBytes } of listed) {
    if (last !== undefined && taken + rawBytes > maxBytes) break;
    const chunk = stored.get({ id })!;
    const bytes = unpack(chunk);
    let topics = groups.get(chunk.run);
    if (!topics) groups.set(chunk.run, topics = new Map());
    yield* sort(topics, bytes, workspace, step);
    release(chunk.data);
    release(bytes);
    taken += rawBytes;
    last = id;
    if (!step.isOver) continue; // events make chunks of a few hundred bytes
    yield;
    step.restart();
  }
  return last;
}

/**
 * One go: takes the oldest chunks of up to `maxBytes` and turns them into blocks. Yields after each step.
 */
export function* compact(connection: Connection, maxBytes: number, workspace: Workspace): Generator<void> {
  const { db } = connection;
  const groups: Groups = new Map();
  const last = yield* regroup(connection, maxBytes, groups, workspace);
  if (last === undefined) return yield* removeRegrouped(connection);
  const generation = committedGeneration(connection) + 1;
  transaction(connection, () => {
    dropUnfinished(connection);
    const greatest = db.select({ id: sql<number | null>`max(id)` }).from(blocks).get()?.id ?? 0;
    setMeta(connection, META.compactingFrom, String(greatest));
  });
  const rows = newBlocks(groups, generation, descriptions(connection));
  const insert = blockInserter(connection);
  while (!writeSome(connection, rows, insert)) yield;
  yield;
  transaction(connection, () => {
    setMeta(connection, META.generation, String(generation));
    setRegroupedTo(connection, last);
  });
  workspace.giveBack(groups);
  yield* removeRegrouped(connection);
}

/** Deletes the blocks of a compaction that did not come to its end. */
export function dropUnfinished(connection: Connection): void {
  const from = Number(metaValue(connection, META.compactingFrom) ?? 0);
  connection.db.delete(blocks)
    .where(and(gt(blocks.id, from), gt(blocks.generation, committedGeneration(connection)))).run();
}

/** Deletes blocks by their ids. */
export function deleteBlocks({ db }: Connection, ids: number[]): void {
  db.delete(blocks).where(inArray(blocks.id, ids)).run();
}
