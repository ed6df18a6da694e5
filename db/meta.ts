/**
 * Facts about the database as a whole, by key.
 *
 * @module
 */
import { eq, sql } from "drizzle-orm";
import { META, meta } from "./schema.ts";
import type { Connection } from "./sqlite.ts";

const value = sql.placeholder;

function prepare({ db }: Connection) {
  return {
    get: db.select({ value: meta.value }).from(meta).where(eq(meta.key, value("key"))).prepare(),
    set: db.insert(meta).values({ key: value("key"), value: value("value") })
      .onConflictDoUpdate({ target: meta.key, set: { value: sql`excluded.value` } }).prepare(),
    add: db.insert(meta).values({ key: value("key"), value: value("amount") })
      .onConflictDoUpdate({ target: meta.key, set: { value: sql`value + excluded.value` } }).prepare(),
  };
}

const prepared = new WeakMap<Connection, ReturnType<typeof prepare>>();

/** Statements of this connection, prepared at first use: some run with every commit. */
function statements(connection: Connection): ReturnType<typeof prepare> {
  let known = prepared.get(connection);
  if (!known) prepared.set(connection, known = prepare(connection));
  return known;
}

/** Value of a key of `meta`, or undefined. */
export function metaValue(connection: Connection, key: string): string | undefined {
  return statements(connection).get.get({ key })?.value;
}

/** Sets a key of `meta`. */
export function setMeta(connection: Connection, key: string, value: string): void {
  statements(connection).set.run({ key, value });
}

/** Adds to a number among the facts. */
export function addToMeta(connection: Connection, key: string, amount: number): void {
  statements(connection).add.run({ key, amount: String(amount) });
}

/** Blocks up to and including this generation may be read. */
export function committedGeneration(connection: Connection): number {
  return Number(metaValue(connection, META.generation) ?? 0);
}
