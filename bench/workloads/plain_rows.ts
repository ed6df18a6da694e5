/**
 * The obvious alternative to the recording: a row for each sample, with an index by topic and time.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { value } from "./history.ts";

const QUERY = `
  SELECT CAST((time - ?2) * ?4 / ?3 AS INTEGER) AS bucket, min(value) AS low, max(value) AS high, min(time) AS time
  FROM samples WHERE topic = ?1 AND time BETWEEN ?2 AND ?2 + ?3 GROUP BY bucket`;

/** Writes the rows, in the order in which they were measured, and then the index. */
export function buildRows(
  file: string,
  topics: number,
  each: number,
  startUs: number,
  periodUs: number,
): void {
  using db = new DatabaseSync(file);
  db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
  db.exec("CREATE TABLE samples (topic INTEGER NOT NULL, time INTEGER NOT NULL, value REAL NOT NULL)");
  const insert = db.prepare("INSERT INTO samples VALUES (?, ?, ?)");
  db.exec("BEGIN");
  for (let i = 0; i < each; i++) {
    for (let t = 0; t < topics; t++) insert.run(t, startUs + i * periodUs + t, value(t, i));
  }
  db.exec("COMMIT");
  db.exec("CREATE INDEX by_topic ON samples (topic, time)");
}

/** Asks for the same as the gateway is asked for; milliseconds of each query. */
export function askRows(file: string, fromUs: number, lengthUs: number, points: number): number[] {
  using db = new DatabaseSync(file, { readOnly: true });
  const query = db.prepare(QUERY);
  const times: number[] = [];
  for (let i = 0; i < 11; i++) {
    const startMs = performance.now();
    // The extremes of half as many buckets make as many points.
    const found = query.all(10 + i, fromUs, lengthUs, points / 2);
    JSON.stringify(found);
    times.push(performance.now() - startMs);
  }
  return times;
}
