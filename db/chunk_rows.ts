/**
 * Chunks on their way into the database, and the last sequence of each producer in them.
 *
 * @module
 */
import { sql } from "drizzle-orm";
import { ChunkReader } from "./chunk.ts";
import { pack, releasePacked } from "./compression.ts";
import type { FilledChunk } from "./messages.ts";
import { chunks, producers } from "./schema.ts";
import type { Connection } from "./sqlite.ts";

/** Prepares the statements; the function returned stores one chunk, within the caller's transaction. */
export function chunkInserter({ db }: Connection, run: number): (chunk: FilledChunk) => void {
  const value = sql.placeholder;
  const insert = db.insert(chunks).values({
    run: value("run"),
    minUs: value("minUs"),
    maxUs: value("maxUs"),
    samples: value("samples"),
    rawBytes: value("rawBytes"),
    codec: value("codec"),
    data: value("data"),
  }).prepare();
  const put = db.insert(producers).values({
    topic: value("topic"),
    producer: value("producer"),
    sequence: value("sequence"),
    updatedAt: value("updatedAt"),
  }).onConflictDoUpdate({
    target: [producers.topic, producers.producer],
    set: { sequence: sql`max(sequence, excluded.sequence)`, updatedAt: sql`excluded.updated_at` },
  }).prepare();
  return ({ buffer, length, minUs, maxUs, samples, events }) => {
    const raw = new Uint8Array(buffer, 0, length);
    const packed = pack(raw);
    insert.run({ run, minUs, maxUs, samples, ...packed });
    releasePacked(packed);
    if (events === 0) return;
    const updatedAt = Date.now();
    for (const place of lastPlaces(raw)) put.run({ ...place, updatedAt });
  };
}

/** The last sequence of each producer on each topic of a chunk. */
function lastPlaces(raw: Uint8Array): Iterable<{ topic: number; producer: string; sequence: number }> {
  const last = new Map<string, { topic: number; producer: string; sequence: number }>();
  const reader = new ChunkReader(raw);
  while (reader.next()) {
    if (!reader.isEvent) continue;
    const { topic, producer, sequence } = reader;
    last.set(`${topic} ${producer}`, { topic, producer, sequence });
  }
  return last.values();
}
