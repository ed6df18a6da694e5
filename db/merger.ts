/**
 * Merges small neighbouring blocks of a topic, so that a slow topic does not leave a row of its own for each
 * go of the compactor for ever.
 *
 * @module
 */
import { and, asc, eq, inArray, lte, sql } from "drizzle-orm";
import { decodeBlock } from "./block.ts";
import { Columns } from "./columns.ts";
import {
  BLOCK_BYTES,
  BLOCK_SAMPLES,
  blockInserter,
  blockRow,
  deleteBlocks,
  descriptions,
  SMALL_BYTES,
} from "./compactor.ts";
import { unpack } from "./compression.ts";
import { committedGeneration } from "./meta.ts";
import { release } from "./release.ts";
import { blocks } from "./schema.ts";
import { type Connection, transaction } from "./sqlite.ts";

/** A topic is worth a merge when it has this many small blocks: each sample is then rewritten rarely. */
export const MERGE_AT = 16;

/** Blocks looked at in one merge, and so merged into one in a single step at most. */
const LOOK_AT = 64;

/** Topics whose small blocks are counted in one step: mostly fewer than {@link MERGE_AT} each. */
const TOPICS_PER_LOOK = 512;

/** Fewer are merged only where nothing more can join them. */
const MIN_MERGED = 8;

interface Found {
  id: number;
  run: number;
  small: boolean;
  rawBytes: number;
  samples: number;
  generation: number;
}

/** Small blocks side by side; `closed` when no further sample can come behind them. */
interface Stretch {
  blocks: Found[];
  closed: boolean;
}

/** Topics that have at least `least` small blocks. Looks at some topics at a time and yields in between. */
export function* worthMerging({ raw }: Connection, least: number = MERGE_AT): Generator<void, number[]> {
  const found: number[] = [];
  const nextTopic = raw.prepare("SELECT min(topic) AS topic FROM blocks WHERE small = 1 AND topic >= ?");
  const count = raw.prepare(
    `SELECT topic FROM blocks WHERE small = 1 AND topic BETWEEN ? AND ? GROUP BY topic HAVING count(*) >= ?`,
  );
  for (let from = 0;;) {
    const { topic } = nextTopic.get(from) as { topic: number | null };
    if (topic === null) return found;
    from = topic + TOPICS_PER_LOOK;
    const rows = count.all(topic, from - 1, least) as { topic: number }[];
    for (const row of rows) found.push(row.topic);
    yield;
  }
}

/** The topic's blocks from its first small one on, in order. */
function find(connection: Connection, topic: number): Found[] {
  const { db } = connection;
  const first = db.select({ run: blocks.run, offset: blocks.lastOffset }).from(blocks)
    .where(sql`small = 1 and topic = ${topic}`).orderBy(asc(blocks.run), asc(blocks.lastOffset)).limit(1)
    .get();
  if (!first) return [];
  return db.select({
    id: blocks.id,
    run: blocks.run,
    small: blocks.small,
    rawBytes: blocks.rawBytes,
    samples: blocks.samples,
    generation: blocks.generation,
  }).from(blocks)
    .where(and(
      eq(blocks.topic, topic),
      sql`(run, last_offset) >= (${first.run}, ${first.offset})`,
      lte(blocks.generation, committedGeneration(connection)),
    ))
    .orderBy(asc(blocks.run), asc(blocks.lastOffset)).limit(LOOK_AT).all();
}

/** Parts what was found into stretches of at most one full block each. */
function stretches(found: Found[]): Stretch[] {
  const result: Stretch[] = [];
  let open: Found[] = [];
  let bytes = 0;
  let samples = 0;
  const end = (closed: boolean) => {
    if (open.length > 0) result.push({ blocks: open, closed });
    open = [];
    bytes = samples = 0;
  };
  for (const block of found) {
    if (open.length > 0 && open[0]!.run !== block.run) end(true);
    if (!block.small) {
      end(true);
      continue;
    }
    if (bytes + block.rawBytes > BLOCK_BYTES || samples + block.samples > BLOCK_SAMPLES) end(true);
    open.push(block);
    bytes += block.rawBytes;
    samples += block.samples;
  }
  end(false);
  return result;
}

function worthwhile({ blocks: members, closed }: Stretch): boolean {
  const bytes = members.reduce((sum, block) => sum + block.rawBytes, 0);
  return closed || members.length >= MIN_MERGED || bytes >= SMALL_BYTES;
}

function mergeStretch(connection: Connection, topic: number, stretch: Stretch): void {
  const ids = stretch.blocks.map((block) => block.id);
  if (ids.length === 1) {
    connection.db.update(blocks).set({ small: false }).where(inArray(blocks.id, ids)).run();
    return;
  }
  const stored = connection.db.select({ codec: blocks.codec, rawBytes: blocks.rawBytes, data: blocks.data })
    .from(blocks)
    .where(eq(blocks.id, sql.placeholder("id"))).prepare();
  const merged = new Columns();
  for (const id of ids) {
    const block = stored.get({ id })!;
    const bytes = unpack(block);
    merged.append(decodeBlock(bytes));
    release(block.data);
    release(bytes);
  }
  const { run, generation } = stretch.blocks[0]!;
  const description = descriptions(connection)(topic);
  const row = blockRow(merged, 0, merged.count, { generation, topic, run, description });
  deleteBlocks(connection, ids);
  blockInserter(connection)({ ...row, small: row.small && !stretch.closed });
}

/** Merges the small blocks of one topic, yielding after each block made. */
export function* merge(connection: Connection, topic: number): Generator<void> {
  for (const stretch of stretches(find(connection, topic))) {
    if (!worthwhile(stretch)) continue;
    transaction(connection, () => mergeStretch(connection, topic, stretch));
    yield;
  }
}
