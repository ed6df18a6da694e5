/**
 * Facts about the database as a whole, by key.
 *
 * @module
 */
import { eq } from "drizzle-orm";
import { META, meta } from "./schema.ts";
import type { Connection } from "./sqlite.ts";

/** Value of a key of `meta`, or undefined. */
export function metaValue({ db }: Connection, key: string): string | undefined {
  return db.select().from(meta).where(eq(meta.key, key)).get()?.value;
}

/** Sets a key of `meta`. */
export function setMeta({ db }: Connection, key: string, value: string): void {
  db.insert(meta).values({ key, value }).onConflictDoUpdate({ target: meta.key, set: { value } }).run();
}

/** Blocks up to and including this generation may be read. */
export function committedGeneration(connection: Connection): number {
  return Number(metaValue(connection, META.generation) ?? 0);
}

/** Adds to a number among the facts. */
export function addToMeta(connection: Connection, key: string, amount: number): void {
  setMeta(connection, key, String(Number(metaValue(connection, key) ?? 0) + amount));
}
