/**
 * Chunks whose samples stand in blocks by now. One number says up to which chunk that is; it is written in the
 * transaction that makes the blocks visible, and from then on nobody looks at those chunks. So they can be removed
 * bit by bit: to remove all of a go at once took up to 12 ms, and a crash in between costs nothing but the room
 * until the next start.
 *
 * @module
 */
import { eq, type SQL, sql } from "drizzle-orm";
import { setMeta } from "./meta.ts";
import { chunks, META } from "./schema.ts";
import { type Connection, transaction } from "./sqlite.ts";
import { Step } from "./step.ts";

const REGROUPED_TO = sql`(SELECT CAST(value AS INTEGER) FROM meta WHERE key = ${
  sql.raw(`'${META.regroupedTo}'`)
})`;

/** Of the chunks, those that are the only place of their samples. */
export const notRegrouped: SQL = sql`${chunks.id} > ${REGROUPED_TO}`;

/** Says that all chunks up to this one are regrouped; part of the caller's transaction. */
export function setRegroupedTo(connection: Connection, chunk: number): void {
  setMeta(connection, META.regroupedTo, String(chunk));
}

/** Removes regrouped chunks, yielding after each step. */
export function* removeRegrouped(connection: Connection): Generator<void> {
  const { db } = connection;
  const oldest = db.select({ id: chunks.id }).from(chunks).where(sql`${chunks.id} <= ${REGROUPED_TO}`)
    .orderBy(chunks.id).limit(1).prepare();
  const remove = db.delete(chunks).where(eq(chunks.id, sql.placeholder("id"))).prepare();
  let next = oldest.get({});
  while (next) {
    yield;
    transaction(connection, () => {
      for (const step = new Step(); next && !step.isOver; next = oldest.get({})) remove.run({ id: next.id });
    });
  }
}
