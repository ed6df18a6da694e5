import { assert, assertEquals, assertThrows } from "@std/assert";
import type { DatabaseSync } from "node:sqlite";
import { getTableConfig } from "drizzle-orm/sqlite-core";
import { migrate, schemaVersion } from "../../db/migrate.ts";
import { MIGRATIONS } from "../../db/migrations.ts";
import { TABLES } from "../../db/schema.ts";
import { openForWriting } from "../../db/sqlite.ts";
import { Folder } from "./support.ts";

interface ColumnInfo {
  name: string;
  type: string;
  notnull: number;
  pk: number;
}

const rows = <T>(raw: DatabaseSync, query: string) =>
  raw.prepare(query).all().map((row) => ({ ...row })) as T[];

Deno.test("the migrations make exactly the tables, columns and indexes that the schema names", async () => {
  await using folder = new Folder();
  const connection = openForWriting(`${folder.dir}/x.db`, "normal");
  migrate(connection);
  const { raw } = connection;
  const made = rows<{ name: string }>(
    raw,
    "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
  )
    .map((row) => row.name).filter((name) => !name.startsWith("sqlite_"));
  assertEquals(made, Object.keys(TABLES).sort());
  for (const [name, table] of Object.entries(TABLES)) {
    const config = getTableConfig(table);
    assertEquals(config.name, name);
    const keys = new Set(config.primaryKeys.flatMap((key) => key.columns.map((column) => column.name)));
    const wanted = config.columns.map((column) => ({
      name: column.name,
      type: column.getSQLType().toUpperCase(),
      notnull: column.notNull || column.primary || keys.has(column.name),
      pk: column.primary || keys.has(column.name),
    }));
    const have = rows<ColumnInfo>(raw, `PRAGMA table_info(${name})`)
      .map(({ name, type, notnull, pk }) => ({ name, type, notnull: notnull === 1, pk: pk > 0 }));
    assertEquals(have, wanted, `columns of ${name}`);
    const indexes = rows<{ name: string; origin: string }>(raw, `PRAGMA index_list(${name})`)
      .filter((index) => index.origin === "c").map((index) => index.name).sort();
    assertEquals(indexes, config.indexes.map((index) => index.config.name).sort(), `indexes of ${name}`);
    const unique = rows<{ origin: string }>(raw, `PRAGMA index_list(${name})`)
      .filter((index) => index.origin === "u").length;
    assertEquals(
      unique,
      config.columns.filter((column) => column.isUnique).length,
      `unique columns of ${name}`,
    );
  }
  raw.close();
});

Deno.test("migrations go on from where a database stands, and a step that fails leaves nothing behind", async () => {
  await using folder = new Folder();
  const connection = openForWriting(`${folder.dir}/x.db`, "normal");
  assertEquals(migrate(connection, MIGRATIONS.slice(0, 1)), [MIGRATIONS[0]!.name]);
  const next = [...MIGRATIONS.slice(0, 1), { name: "extra", sql: "CREATE TABLE extra (x)" }];
  assertEquals(migrate(connection, next), ["extra"]);
  assertEquals(migrate(connection, next), []);
  const broken = [...next, { name: "broken", sql: "CREATE TABLE half (x); CREATE TABLE half (x)" }];
  assertThrows(() => migrate(connection, broken));
  assertEquals(schemaVersion(connection), 2);
  assert(!connection.raw.prepare("SELECT 1 FROM sqlite_master WHERE name = 'half'").get());
  assertThrows(() => migrate(connection, MIGRATIONS.slice(0, 1)), Error, "use the newer program");
  connection.raw.close();
});
