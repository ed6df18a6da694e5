/**
 * The steps that make the tables, embedded as text so that the program runs from one file. A step that has
 * been released is never changed; a later one is added.
 *
 * @module
 */

/** One step; its place in the list, counted from 1, is the database's `user_version` after it. */
export interface Migration {
  name: string;
  sql: string;
}

/** All steps, oldest first. */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: "first tables",
    sql: `
      CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE runs (
        id INTEGER PRIMARY KEY NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, clean INTEGER NOT NULL
      );
      CREATE TABLE tokens (
        id TEXT PRIMARY KEY NOT NULL, hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL, device TEXT,
        label TEXT NOT NULL, read TEXT NOT NULL, write TEXT NOT NULL, created_at INTEGER NOT NULL,
        expires_at INTEGER, revoked_at INTEGER, last_used_at INTEGER
      );
      CREATE TABLE devices (
        name TEXT PRIMARY KEY NOT NULL, description TEXT NOT NULL, created_at INTEGER NOT NULL,
        last_seen_at INTEGER, revoked_at INTEGER
      );
      CREATE TABLE topics (
        id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL
      );
      CREATE TABLE producers (
        topic INTEGER NOT NULL, producer TEXT NOT NULL, sequence INTEGER NOT NULL, updated_at INTEGER NOT NULL,
        PRIMARY KEY (topic, producer)
      ) WITHOUT ROWID;
      CREATE TABLE desired (
        topic INTEGER PRIMARY KEY NOT NULL, offset INTEGER NOT NULL, time_us INTEGER NOT NULL,
        payload BLOB NOT NULL, confirmed INTEGER NOT NULL
      );
      CREATE TABLE sessions (
        number INTEGER PRIMARY KEY NOT NULL, id TEXT NOT NULL UNIQUE, run INTEGER NOT NULL, role TEXT NOT NULL,
        device TEXT, token_id TEXT NOT NULL, label TEXT NOT NULL, remote TEXT NOT NULL,
        transport TEXT NOT NULL, client TEXT, started_at INTEGER NOT NULL, last_seen_at INTEGER NOT NULL,
        ended_at INTEGER, end_reason TEXT, frames_in INTEGER NOT NULL, frames_out INTEGER NOT NULL,
        bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, samples_in INTEGER NOT NULL,
        samples_out INTEGER NOT NULL, drops TEXT NOT NULL, round_trip_us INTEGER
      );
      CREATE INDEX sessions_ended ON sessions (ended_at);
      CREATE INDEX sessions_device ON sessions (device, number);
      CREATE TABLE session_events (
        id INTEGER PRIMARY KEY NOT NULL, session INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
        detail TEXT NOT NULL
      );
      CREATE INDEX session_events_session ON session_events (session);
      CREATE TABLE chunks (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, run INTEGER NOT NULL, min_us INTEGER NOT NULL,
        max_us INTEGER NOT NULL, samples INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, codec INTEGER NOT NULL,
        data BLOB NOT NULL
      );
      CREATE TABLE blocks (
        id INTEGER PRIMARY KEY NOT NULL, generation INTEGER NOT NULL, small INTEGER NOT NULL,
        topic INTEGER NOT NULL, run INTEGER NOT NULL, first_offset INTEGER NOT NULL,
        last_offset INTEGER NOT NULL, min_us INTEGER NOT NULL, max_us INTEGER NOT NULL,
        session INTEGER NOT NULL, samples INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, codec INTEGER NOT NULL,
        summary BLOB, data BLOB NOT NULL
      );
      CREATE INDEX blocks_offset ON blocks (topic, run, last_offset);
      CREATE INDEX blocks_time ON blocks (topic, max_us);
      CREATE INDEX blocks_age ON blocks (max_us);
      CREATE INDEX blocks_session ON blocks (session, topic);
      CREATE INDEX blocks_small ON blocks (topic) WHERE small = 1;
      CREATE TABLE trimmed (
        topic INTEGER NOT NULL, run INTEGER NOT NULL, last_offset INTEGER NOT NULL, PRIMARY KEY (topic, run)
      ) WITHOUT ROWID;
    `,
  },
  {
    name: "cursors of bridges",
    sql: `
      CREATE TABLE cursors (
        reader TEXT NOT NULL, topic INTEGER NOT NULL, epoch TEXT NOT NULL, offset INTEGER NOT NULL,
        updated_at INTEGER NOT NULL, PRIMARY KEY (reader, topic)
      ) WITHOUT ROWID;
    `,
  },
  {
    name: "sessions that MQTT clients come back to",
    sql: `
      CREATE TABLE mqtt_sessions (
        token TEXT NOT NULL, client TEXT NOT NULL, subscriptions TEXT NOT NULL, epoch TEXT NOT NULL,
        seen_at INTEGER NOT NULL, PRIMARY KEY (token, client)
      ) WITHOUT ROWID;
    `,
  },
  {
    name: "chunks that are regrouped and not removed yet",
    sql: `INSERT INTO meta (key, value) VALUES ('regrouped_to', '0');`,
  },
];
