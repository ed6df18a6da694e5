/**
 * Where a reader finds the samples of a topic: first in blocks, then in the chunks that are not regrouped yet.
 * Each look happens within a snapshot, and a place is named by run and offset only, so that the compactor may
 * move samples between two looks.
 *
 * @module
 */
import { and, eq, gte, lte, sql } from "drizzle-orm";
import { decodeBlock } from "./block.ts";
import { ChunkReader } from "./chunk.ts";
import { Columns } from "./columns.ts";
import { unpack } from "./compression.ts";
import { committedGeneration } from "./meta.ts";
import { notRegrouped } from "./regrouped.ts";
import { blocks, chunks, topics, trimmed } from "./schema.ts";
import { type Connection, snapshot } from "./sqlite.ts";

/** Parsed chunks kept for the next look, in bytes of samples. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** What is known of a block without unpacking it. */
export interface BlockInfo {
  id: number;
  run: number;
  firstOffset: number;
  lastOffset: number;
  minUs: number;
  maxUs: number;
  session: number;
  samples: number;
  codec: number;
  summary: Uint8Array | null;
}

/** Samples of one topic and run. */
export interface Piece {
  run: number;
  columns: Columns;
}

interface ChunkInfo {
  id: number;
  run: number;
  rawBytes: number;
}

type ByTopic = Map<number, Columns>;

const value = sql.placeholder;

/** Looks samples up; every method but {@link look} is to be called within one. */
export class SampleSource {
  /** Number of the look that is going on: within one, what was not there does not appear. */
  looks = 0;
  #generation = 0;
  #chunks: ChunkInfo[] = [];
  #cache = new Map<number, { byTopic: ByTopic; bytes: number }>();
  #cachedBytes = 0;
  readonly #next;
  readonly #at;
  readonly #data;
  readonly #chunk;
  readonly #listChunks;
  readonly #trimmed;
  readonly #topicByName;
  readonly #topicById;

  constructor(readonly connection: Connection) {
    const { db } = connection;
    const info = {
      id: blocks.id,
      generation: blocks.generation,
      run: blocks.run,
      firstOffset: blocks.firstOffset,
      lastOffset: blocks.lastOffset,
      minUs: blocks.minUs,
      maxUs: blocks.maxUs,
      session: blocks.session,
      samples: blocks.samples,
      codec: blocks.codec,
      summary: blocks.summary,
    };
    this.#next = db.select(info).from(blocks).where(
      and(eq(blocks.topic, value("topic")), sql`(run, last_offset) > (${value("run")}, ${value("offset")})`),
    ).orderBy(sql`run, last_offset`).limit(value("limit")).prepare();
    this.#at = db.select(info).from(blocks)
      .where(and(eq(blocks.topic, value("topic")), sql`max_us >= ${value("us")}`))
      .orderBy(sql`max_us`).limit(1).prepare();
    this.#data = db.select({ codec: blocks.codec, rawBytes: blocks.rawBytes, data: blocks.data }).from(blocks)
      .where(eq(blocks.id, value("id"))).prepare();
    this.#chunk = db.select({ codec: chunks.codec, rawBytes: chunks.rawBytes, data: chunks.data }).from(
      chunks,
    )
      .where(eq(chunks.id, value("id"))).prepare();
    this.#listChunks = db.select({ id: chunks.id, run: chunks.run, rawBytes: chunks.rawBytes }).from(chunks)
      .where(notRegrouped).orderBy(chunks.id).prepare();
    this.#trimmed = db.select({ run: trimmed.run, lastOffset: trimmed.lastOffset }).from(trimmed)
      .where(and(eq(trimmed.topic, value("topic")), sql`run between ${value("from")} and ${value("to")}`))
      .orderBy(trimmed.run).prepare();
    this.#topicByName = db.select().from(topics).where(eq(topics.name, value("name"))).prepare();
    this.#topicById = db.select().from(topics).where(eq(topics.id, value("id"))).prepare();
  }

  /** Runs `work` on one unchanging state of the recording. Keep it short: the file grows meanwhile. */
  look<T>(work: () => T): T {
    return snapshot(this.connection, () => {
      this.looks++;
      this.#generation = committedGeneration(this.connection);
      this.#chunks = this.#listChunks.all({});
      return work();
    });
  }

  /** The topic of this name, with its id. */
  topicByName(name: string) {
    return this.#topicByName.get({ name });
  }

  /** The topic with this id. */
  topicById(id: number) {
    return this.#topicById.get({ id });
  }

  /** Blocks with samples behind the place, in order. */
  blocksAfter(topic: number, run: number, offset: number, limit: number): BlockInfo[] {
    const found = this.#next.all({ topic, run, offset, limit });
    return found.filter((block) => block.generation <= this.#generation);
  }

  /** The first block with samples at or behind a time. */
  blockAt(topic: number, us: number): BlockInfo | undefined {
    const found = this.#at.get({ topic, us });
    return found && found.generation <= this.#generation ? found : undefined;
  }

  /** The last block of a topic. */
  lastBlock(topic: number): { run: number; lastOffset: number } | undefined {
    return this.connection.db.select({ run: blocks.run, lastOffset: blocks.lastOffset }).from(blocks)
      .where(and(eq(blocks.topic, topic), lte(blocks.generation, this.#generation)))
      .orderBy(sql`run desc, last_offset desc`).limit(1).get();
  }

  /** The samples of a block. */
  unpackBlock(id: number): Columns {
    return decodeBlock(unpack(this.#data.get({ id })!));
  }

  /** How far retention has removed the topic's samples in each of these runs, both included. */
  trimmedIn(topic: number, from: number, to: number): { run: number; lastOffset: number }[] {
    return this.#trimmed.all({ topic, from, to });
  }

  /**
   * The topic's samples behind the place in the first chunk that has any, from chunk `fromChunk` on.
   *
   * @returns the samples with the index of the first one behind the place, and the chunk's id to go on from.
   */
  inChunks(
    topic: number,
    run: number,
    offset: number,
    fromChunk: number,
  ): { piece: Piece; index: number; chunk: number } | undefined {
    for (const chunk of this.#chunks) {
      if (chunk.id < fromChunk || chunk.run < run) continue;
      const columns = this.#parse(chunk).get(topic);
      if (!columns) continue;
      const index = chunk.run === run ? columns.after(offset) : 0;
      if (index < columns.count) return { piece: { run: chunk.run, columns }, index, chunk: chunk.id };
    }
    return undefined;
  }

  /** Calls `add` for each topic and stretch of samples that a session wrote. */
  ofSession(
    session: number,
    run: number,
    startUs: number,
    add: (topic: number, samples: number, firstUs: number, lastUs: number) => void,
  ): void {
    const whole = this.connection.db.select({
      topic: blocks.topic,
      samples: sql<number>`sum(samples)`,
      firstUs: sql<number>`min(min_us)`,
      lastUs: sql<number>`max(max_us)`,
    }).from(blocks).where(and(eq(blocks.session, session), lte(blocks.generation, this.#generation)))
      .groupBy(blocks.topic).all();
    for (const { topic, samples, firstUs, lastUs } of whole) add(topic, samples, firstUs, lastUs);
    const mixed = this.connection.db.select({ id: blocks.id, topic: blocks.topic }).from(blocks).where(and(
      eq(blocks.session, 0),
      eq(blocks.run, run),
      gte(blocks.maxUs, startUs),
      lte(blocks.generation, this.#generation),
    )).all();
    const each = (topic: number, columns: Columns) => {
      for (let i = 0; i < columns.count; i++) {
        if (columns.sessions[i] === session) add(topic, 1, columns.timesUs[i]!, columns.timesUs[i]!);
      }
    };
    for (const { id, topic } of mixed) each(topic, this.unpackBlock(id));
    for (const chunk of this.#chunks) {
      if (chunk.run === run) { for (const [topic, columns] of this.#parse(chunk)) each(topic, columns); }
    }
  }

  #parse(chunk: ChunkInfo): ByTopic {
    const known = this.#cache.get(chunk.id);
    if (known) return known.byTopic;
    const byTopic: ByTopic = new Map();
    const reader = new ChunkReader(unpack(this.#chunk.get({ id: chunk.id })!));
    while (reader.next()) {
      let columns = byTopic.get(reader.topic);
      if (!columns) byTopic.set(reader.topic, columns = new Columns());
      columns.push(reader.offset, reader.timeUs, reader.session, reader.bytes, reader.start, reader.end);
    }
    this.#keep(chunk, byTopic);
    return byTopic;
  }

  /** Keeps a parsed chunk; lets go of the oldest ones, and of those that exist no more, to make room. */
  #keep(chunk: ChunkInfo, byTopic: ByTopic): void {
    this.#cache.set(chunk.id, { byTopic, bytes: chunk.rawBytes });
    this.#cachedBytes += chunk.rawBytes;
    const oldest = this.#chunks[0]?.id ?? 0;
    for (const [id, { bytes }] of this.#cache) {
      if (id >= oldest && this.#cachedBytes <= CACHE_BYTES) break;
      if (id === chunk.id) continue;
      this.#cache.delete(id);
      this.#cachedBytes -= bytes;
    }
  }
}
