/**
 * Brings a database to the newest tables. Drizzle's own migrator wants a folder of files; the gateway is one.
 *
 * @module
 */
import { type Migration, MIGRATIONS } from "./migrations.ts";
import { type Connection, transaction } from "./sqlite.ts";

/** `PRAGMA user_version`: how many steps the database has taken. */
export function schemaVersion({ raw }: Connection): number {
  return Number((raw.prepare("PRAGMA user_version").get() as { user_version: number }).user_version);
}

/**
 * Applies the steps that the database has not taken, each in a transaction of its own.
 *
 * @returns the names of the steps applied.
 * @throws when the database was made by a newer version of the program.
 */
export function migrate(connection: Connection, migrations: readonly Migration[] = MIGRATIONS): string[] {
  const version = schemaVersion(connection);
  if (version > migrations.length) {
    throw new Error(
      `${connection.path} has tables of version ${version}, this program knows up to ${migrations.length}: ` +
        `use the newer program that wrote it, or another data folder`,
    );
  }
  const due = migrations.slice(version);
  for (const [i, step] of due.entries()) {
    transaction(connection, () => {
      connection.raw.exec(step.sql);
      connection.raw.exec(`PRAGMA user_version = ${version + i + 1}`);
    });
  }
  return due.map((step) => step.name);
}
