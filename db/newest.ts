/**
 * The newest sample of each topic, read at a start: from the chunks that are not regrouped yet, else from the
 * topic's last block.
 *
 * @module
 */
import { desc, eq, sql } from "drizzle-orm";
import { decodeBlock } from "./block.ts";
import { ChunkReader } from "./chunk.ts";
import { unpack } from "./compression.ts";
import { notRegrouped } from "./regrouped.ts";
import { chunks } from "./schema.ts";
import type { Connection } from "./sqlite.ts";
import type { TopicRow } from "./store.ts";

type Newest = NonNullable<TopicRow["newest"]>;

/**
 * Topics looked up in one query: a query for each took most of the start with a hundred thousand. Where payloads
 * are large, their blocks of some 64 KiB each are in memory together.
 */
const TOPICS_AT_A_TIME = 64;

/** Newest samples by topic; `topics` are ids in ascending order. */
export function newestSamples(
  connection: Connection,
  gateway: string,
  topics: number[],
): Map<number, Newest> {
  const newest = newestInChunks(connection, gateway);
  const lookUp = newestInBlocks(connection, gateway);
  for (let i = 0; i < topics.length; i += TOPICS_AT_A_TIME) {
    const some = topics.slice(i, i + TOPICS_AT_A_TIME);
    if (some.every((id) => newest.has(id))) continue;
    lookUp(some[0]!, some.at(-1)!, (topic, sample) => {
      if (!newest.has(topic)) newest.set(topic, sample);
    });
  }
  return newest;
}

function newestInChunks(connection: Connection, gateway: string): Map<number, Newest> {
  const { db } = connection;
  const newest = new Map<number, Newest>();
  const ids = db.select({ id: chunks.id }).from(chunks).where(notRegrouped).orderBy(desc(chunks.id)).all();
  const stored = db.select().from(chunks).where(eq(chunks.id, sql.placeholder("id"))).prepare();
  for (const { id } of ids) {
    const chunk = stored.get({ id })!;
    addLast(newest, unpack(chunk), `${gateway}.${chunk.run}`);
  }
  return newest;
}

/** Adds the last sample of each topic in a chunk, but for topics that are known from a later one. */
function addLast(newest: Map<number, Newest>, chunk: Uint8Array, epoch: string): void {
  const last = new Map<number, [offset: number, timeUs: number, start: number, end: number]>();
  const reader = new ChunkReader(chunk);
  while (reader.next()) {
    if (newest.has(reader.topic)) continue;
    last.set(reader.topic, [reader.offset, reader.timeUs, reader.start, reader.end]);
  }
  for (const [topic, [offset, timeUs, start, end]] of last) {
    newest.set(topic, { epoch, offset, timeUs, payload: chunk.slice(start, end) });
  }
}

/** Reads the last block of each topic from `from` to `to` (both included), by its summary where there is one. */
function newestInBlocks({ raw }: Connection, gateway: string) {
  const last = raw.prepare(`
    SELECT topics.id AS topic, blocks.run AS run, coalesce(blocks.summary, blocks.data) AS data,
      CASE WHEN blocks.summary IS NULL THEN blocks.codec END AS codec, blocks.raw_bytes AS rawBytes
    FROM topics JOIN blocks ON blocks.id = (
      SELECT id FROM blocks AS one WHERE one.topic = topics.id ORDER BY one.run DESC, one.last_offset DESC LIMIT 1
    )
    WHERE topics.id BETWEEN ? AND ?`);
  return (from: number, to: number, found: (topic: number, newest: Newest) => void): void => {
    const rows = last.all(from, to) as unknown as {
      topic: number;
      run: number;
      data: Uint8Array;
      /** Null for a summary, which is stored as it is. */
      codec: number | null;
      rawBytes: number;
    }[];
    for (const { topic, run, data, codec, rawBytes } of rows) {
      const columns = decodeBlock(codec === null ? data : unpack({ codec, rawBytes, data }));
      const i = columns.count - 1;
      found(topic, {
        epoch: `${gateway}.${run}`,
        offset: columns.offsets[i]!,
        timeUs: columns.timesUs[i]!,
        payload: columns.payload(i).slice(),
      });
    }
  };
}
