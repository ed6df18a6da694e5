/**
 * Applies changes of rows: topics, sessions, tokens, devices, desired values, cursors, MQTT
 * sessions. Statements are prepared once.
 *
 * @module
 */
import { and, eq, sql } from "drizzle-orm";
import type { SessionStart, SessionTotals } from "../hub/session_log.ts";
import { type Change, MAX_EVENTS_PER_SESSION } from "./messages.ts";
import {
  cursors,
  desired,
  devices,
  mqttSessions,
  sessionEvents,
  sessions,
  tokens,
  topics,
} from "./schema.ts";
import type { Connection } from "./sqlite.ts";
import type { SessionRow } from "./store.ts";

/** Applies one change; part of the caller's transaction. */
export type ApplyChange = (change: Change) => void;

const value = sql.placeholder;

function placeholders<K extends string>(...keys: K[]): Record<K, ReturnType<typeof value<K>>> {
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, ReturnType<typeof value<K>>>;
}

const TOTALS = [
  "lastSeenAt",
  "framesIn",
  "framesOut",
  "bytesIn",
  "bytesOut",
  "samplesIn",
  "samplesOut",
  "drops",
  "roundTripUs",
] as const;

const totalsOf = (at: number, totals: SessionTotals) => ({
  ...totals,
  lastSeenAt: at,
  roundTripUs: totals.roundTripUs === undefined ? null : Math.round(totals.roundTripUs),
});

/** Prepares the statements and returns what applies changes in run number `run`. */
export function changeApplier({ db }: Connection, run: number): ApplyChange {
  const putTopic = db.insert(topics).values(placeholders("id", "name", "description"))
    .onConflictDoUpdate({ target: topics.id, set: { description: sql`excluded.description` } }).prepare();
  const totals = db.update(sessions).set(placeholders(...TOTALS))
    .where(eq(sessions.number, value("session"))).prepare();
  const close = db.update(sessions).set(placeholders("endedAt", "endReason", ...TOTALS))
    .where(eq(sessions.number, value("session"))).prepare();
  const countEvents = db.select({ count: sql<number>`count(*)` }).from(sessionEvents)
    .where(eq(sessionEvents.session, value("session"))).prepare();
  const addEvent = db.insert(sessionEvents).values(placeholders("session", "at", "kind", "detail")).prepare();
  const putCursor = db.insert(cursors).values(placeholders("reader", "topic", "epoch", "offset", "updatedAt"))
    .onConflictDoUpdate({
      target: [cursors.reader, cursors.topic],
      set: {
        epoch: sql`excluded.epoch`,
        offset: sql`excluded.offset`,
        updatedAt: sql`excluded.updated_at`,
      },
    }).prepare();
  const counts = new Map<number, number>();

  const event = (change: Extract<Change, { kind: "session_event" }>) => {
    const known = counts.get(change.session) ??
      Number(countEvents.get({ session: change.session })?.count ?? 0);
    counts.set(change.session, known + 1);
    if (known < MAX_EVENTS_PER_SESSION) addEvent.run({ session: change.session, ...change.row });
  };

  return (change) => {
    switch (change.kind) {
      case "topic":
        putTopic.run({
          id: change.id,
          name: change.description.name,
          description: change.description,
        });
        return;
      case "session":
        db.insert(sessions).values({ ...stored(change.row), run }).run();
        return;
      case "describe": {
        const set = described(change.change);
        if (Object.keys(set).length > 0) {
          db.update(sessions).set(set).where(eq(sessions.number, change.session)).run();
        }
        return;
      }
      case "totals":
        totals.run({
          session: change.session,
          ...totalsOf(change.at, change.totals),
        });
        return;
      case "session_event":
        return event(change);
      case "close":
        counts.delete(change.session);
        close.run({
          session: change.session,
          endedAt: change.at,
          endReason: change.reason,
          ...totalsOf(change.at, change.totals),
        });
        return;
      case "token":
        db.insert(tokens).values(change.row).onConflictDoUpdate({ target: tokens.id, set: change.row }).run();
        return;
      case "device":
        db.insert(devices).values(change.row)
          .onConflictDoUpdate({ target: devices.name, set: change.row }).run();
        return;
      case "desired":
        db.insert(desired).values(change.row)
          .onConflictDoUpdate({ target: desired.topic, set: change.row }).run();
        return;
      case "cursor":
        putCursor.run({ ...change.row, updatedAt: Date.now() });
        return;
      case "mqtt_session":
        db.insert(mqttSessions).values(change.row)
          .onConflictDoUpdate({ target: [mqttSessions.token, mqttSessions.client], set: change.row }).run();
        return;
      case "mqtt_session_over":
        db.delete(mqttSessions)
          .where(and(eq(mqttSessions.token, change.token), eq(mqttSessions.client, change.client))).run();
        db.delete(cursors).where(eq(cursors.reader, change.reader)).run();
        return;
      default:
        change satisfies never;
    }
  };
}

function stored(row: SessionRow): Omit<typeof sessions.$inferInsert, "run"> {
  const { epoch: _, ...rest } = row;
  return rest;
}

function described(change: Partial<SessionStart>): Partial<typeof sessions.$inferInsert> {
  const { device, client, ...rest } = change;
  return {
    ...rest,
    ...(device === undefined ? {} : { device }),
    ...(client === undefined ? {} : { client }),
  };
}
