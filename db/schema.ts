/**
 * The tables, as Drizzle sees them. migrations.ts makes them; a test holds the two against each other.
 *
 * Samples live on two levels. `chunks` holds what the recorder committed, as it came: one row a commit, all
 * topics mixed. `blocks` holds the same samples regrouped by topic, so that one topic and time range is read
 * without touching its neighbours. The compactor moves them from the one to the other; what it has moved stays among
 * the chunks for a moment (regrouped.ts).
 *
 * @module
 */
import { sql } from "drizzle-orm";
import { customType, index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Role } from "../hub/access.ts";
import type { TopicDescription } from "../hub/topic.ts";

/** A blob as `node:sqlite` takes and gives it, without a copy into a Buffer. */
const bytes = customType<{ data: Uint8Array }>({ dataType: () => "blob" });

/** Facts about the database as a whole; {@link META} names the keys. */
export const meta = sqliteTable("meta", {
  key: text().primaryKey(),
  value: text().notNull(),
});

/** Keys of `meta`. */
export const META = {
  /** Random id of this gateway. */
  gateway: "gateway",
  /** Blocks of a later generation belong to a compaction that is still under way: nobody may read them. */
  generation: "generation",
  /** Greatest block id before the compaction that is under way, or was when the gateway died. */
  compactingFrom: "compacting_from",
  /** Chunks up to and including this id are regrouped: nobody may read them any more. */
  regroupedTo: "regrouped_to",
  /** Samples committed, ever. */
  committedSamples: "committed_samples",
  /** Samples that retention removed, ever. */
  removedSamples: "removed_samples",
} as const;

/** One row for each start of the gateway; the epoch is `<gateway>.<id>`. */
export const runs = sqliteTable("runs", {
  id: integer().primaryKey(),
  startedAt: integer("started_at").notNull(),
  endedAt: integer("ended_at"),
  clean: integer({ mode: "boolean" }).notNull(),
});

/** Tokens; the secret is stored as its hash only. */
export const tokens = sqliteTable("tokens", {
  id: text().primaryKey(),
  hash: text().notNull().unique(),
  role: text().$type<Role>().notNull(),
  device: text(),
  label: text().notNull(),
  read: text({ mode: "json" }).$type<string[]>().notNull(),
  write: text({ mode: "json" }).$type<string[]>().notNull(),
  createdAt: integer("created_at").notNull(),
  expiresAt: integer("expires_at"),
  revokedAt: integer("revoked_at"),
  lastUsedAt: integer("last_used_at"),
});

/** Devices that an operator added or approved. */
export const devices = sqliteTable("devices", {
  name: text().primaryKey(),
  description: text().notNull(),
  createdAt: integer("created_at").notNull(),
  lastSeenAt: integer("last_seen_at"),
  revokedAt: integer("revoked_at"),
});

/** Topics; ids are for ever. */
export const topics = sqliteTable("topics", {
  id: integer().primaryKey(),
  name: text().notNull().unique(),
  description: text({ mode: "json" }).$type<TopicDescription>().notNull(),
});

/** Last committed sequence of each producer on each event topic, written with the events themselves. */
export const producers = sqliteTable("producers", {
  topic: integer().notNull(),
  producer: text().notNull(),
  sequence: integer().notNull(),
  updatedAt: integer("updated_at").notNull(),
}, (table) => [primaryKey({ columns: [table.topic, table.producer] })]);

/** Values that devices should have. */
export const desired = sqliteTable("desired", {
  topic: integer().primaryKey(),
  offset: integer().notNull(),
  timeUs: integer("time_us").notNull(),
  payload: bytes().notNull(),
  confirmed: integer({ mode: "boolean" }).notNull(),
});

/** Sessions of devices, dashboards and operators. */
export const sessions = sqliteTable("sessions", {
  number: integer().primaryKey(),
  id: text().notNull().unique(),
  run: integer().notNull(),
  role: text().$type<Role>().notNull(),
  device: text(),
  tokenId: text("token_id").notNull(),
  label: text().notNull(),
  remote: text().notNull(),
  transport: text().notNull(),
  client: text(),
  startedAt: integer("started_at").notNull(),
  lastSeenAt: integer("last_seen_at").notNull(),
  endedAt: integer("ended_at"),
  endReason: text("end_reason"),
  framesIn: integer("frames_in").notNull(),
  framesOut: integer("frames_out").notNull(),
  bytesIn: integer("bytes_in").notNull(),
  bytesOut: integer("bytes_out").notNull(),
  samplesIn: integer("samples_in").notNull(),
  samplesOut: integer("samples_out").notNull(),
  drops: text({ mode: "json" }).$type<Record<string, number>>().notNull(),
  roundTripUs: integer("round_trip_us"),
}, (table) => [
  index("sessions_ended").on(table.endedAt),
  index("sessions_device").on(table.device, table.number),
]);

/** The story of each session. */
export const sessionEvents = sqliteTable("session_events", {
  id: integer().primaryKey(),
  session: integer().notNull(),
  at: integer().notNull(),
  kind: text().notNull(),
  detail: text({ mode: "json" }).$type<Record<string, unknown>>().notNull(),
}, (table) => [index("session_events_session").on(table.session)]);

/** Samples as they were committed, all topics mixed (chunk.ts has the layout). */
export const chunks = sqliteTable("chunks", {
  /** Never used twice, so that a reader may keep what it has parsed. */
  id: integer().primaryKey({ autoIncrement: true }),
  run: integer().notNull(),
  minUs: integer("min_us").notNull(),
  maxUs: integer("max_us").notNull(),
  samples: integer().notNull(),
  rawBytes: integer("raw_bytes").notNull(),
  codec: integer().notNull(),
  data: bytes().notNull(),
});

/** Samples of one topic and run, consecutive in offset (block.ts has the layout). */
export const blocks = sqliteTable("blocks", {
  id: integer().primaryKey(),
  generation: integer().notNull(),
  /** Whether the compactor may still merge it with its neighbours. */
  small: integer({ mode: "boolean" }).notNull(),
  topic: integer().notNull(),
  run: integer().notNull(),
  firstOffset: integer("first_offset").notNull(),
  lastOffset: integer("last_offset").notNull(),
  minUs: integer("min_us").notNull(),
  maxUs: integer("max_us").notNull(),
  /** Session that wrote all of them, or 0 when several did. */
  session: integer().notNull(),
  samples: integer().notNull(),
  rawBytes: integer("raw_bytes").notNull(),
  codec: integer().notNull(),
  /** The samples with the least and the greatest first number, and the last one; see summary.ts. */
  summary: bytes(),
  data: bytes().notNull(),
}, (table) => [
  index("blocks_offset").on(table.topic, table.run, table.lastOffset),
  index("blocks_time").on(table.topic, table.maxUs),
  index("blocks_age").on(table.maxUs),
  index("blocks_session").on(table.session, table.topic),
  index("blocks_small").on(table.topic).where(sql`small = 1`),
]);

/** Up to where retention has removed the samples of a topic in a run. */
export const trimmed = sqliteTable("trimmed", {
  topic: integer().notNull(),
  run: integer().notNull(),
  lastOffset: integer("last_offset").notNull(),
}, (table) => [primaryKey({ columns: [table.topic, table.run] })]);

/** Up to where readers that must miss nothing, such as an MQTT bridge, have passed on the events of a topic. */
export const cursors = sqliteTable("cursors", {
  reader: text().notNull(),
  topic: integer().notNull(),
  epoch: text().notNull(),
  offset: integer().notNull(),
  updatedAt: integer("updated_at").notNull(),
}, (table) => [primaryKey({ columns: [table.reader, table.topic] })]);

/** Sessions that clients of the embedded MQTT broker come back to; how far each has got is among the cursors. */
export const mqttSessions = sqliteTable("mqtt_sessions", {
  token: text().notNull(),
  client: text().notNull(),
  subscriptions: text({ mode: "json" }).$type<{ filter: string; qos: number }[]>().notNull(),
  epoch: text().notNull(),
  seenAt: integer("seen_at").notNull(),
}, (table) => [primaryKey({ columns: [table.token, table.client] })]);

/** Every table, by its name in SQL; for the test that compares them with the migrations. */
export const TABLES = {
  meta,
  runs,
  tokens,
  devices,
  topics,
  producers,
  desired,
  sessions,
  session_events: sessionEvents,
  chunks,
  blocks,
  trimmed,
  cursors,
  mqtt_sessions: mqttSessions,
} as const;
