/**
 * What happens at a start before anything else: tables are made, the former run's loose ends are tied up, and
 * everything that the gateway keeps in memory is loaded.
 *
 * @module
 */
import { asc, eq, isNull, sql } from "drizzle-orm";
import { dropUnfinished } from "./compactor.ts";
import type { Opened } from "./messages.ts";
import { metaValue, setMeta } from "./meta.ts";
import { newestSamples } from "./newest.ts";
import {
  cursors,
  desired,
  devices,
  META,
  mqttSessions,
  producers,
  runs,
  sessions,
  tokens,
  topics,
} from "./schema.ts";
import { type Connection, transaction } from "./sqlite.ts";
import type { TopicRow } from "./store.ts";

const GATEWAY_ID_BYTES = 8;

function gatewayId(connection: Connection): string {
  const known = metaValue(connection, META.gateway);
  if (known) return known;
  const bytes = crypto.getRandomValues(new Uint8Array(GATEWAY_ID_BYTES));
  const id = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  setMeta(connection, META.gateway, id);
  return id;
}

/** Ends the sessions that a run left open, at the time each was last seen. */
function closeCrashed({ db }: Connection): number {
  const result = db.update(sessions)
    .set({ endedAt: sql`${sessions.lastSeenAt}`, endReason: "crashed" })
    .where(isNull(sessions.endedAt)).run();
  return Number(result.changes);
}

/** Closes what the former run left open and opens a new one. */
export function beginRun(
  connection: Connection,
  nowMs: number,
): { gateway: string; run: number; crashed: number } {
  const { db } = connection;
  return transaction(connection, () => {
    const gateway = gatewayId(connection);
    const crashed = closeCrashed(connection);
    dropUnfinished(connection);
    const last = db.select({ id: sql<number | null>`max(id)` }).from(runs).get()?.id ?? 0;
    const run = Number(last) + 1;
    db.insert(runs).values({ id: run, startedAt: nowMs, clean: false }).run();
    return { gateway, run, crashed };
  });
}

/** Marks the run as ended in good order. */
export function endRun({ db }: Connection, run: number, nowMs: number): void {
  db.update(runs).set({ endedAt: nowMs, clean: true }).where(eq(runs.id, run)).run();
}

function loadTopics(connection: Connection, gateway: string): TopicRow[] {
  const rows = connection.db.select().from(topics).orderBy(topics.id).all();
  const samples = newestSamples(connection, gateway, rows.map(({ id }) => id));
  return rows.map(({ id, description }) => {
    const newest = samples.get(id);
    return newest ? { id, description, newest } : { id, description };
  });
}

/** Loads what the gateway keeps in memory. */
export function loadBoot(
  connection: Connection,
  { gateway, run, crashed }: { gateway: string; run: number; crashed: number },
): Opened {
  const { db } = connection;
  const lastSession = db.select({ number: sql<number | null>`max(number)` }).from(sessions).get()?.number ??
    0;
  return {
    boot: {
      gateway,
      epoch: `${gateway}.${run}`,
      tokens: db.select().from(tokens).all(),
      devices: db.select().from(devices).all(),
      topics: loadTopics(connection, gateway),
      desired: db.select().from(desired).all(),
      cursors: db.select({
        reader: cursors.reader,
        topic: cursors.topic,
        epoch: cursors.epoch,
        offset: cursors.offset,
      }).from(cursors).all(),
      mqttSessions: db.select().from(mqttSessions).all(),
      crashedSessions: crashed,
    },
    producers: db.select({
      topic: producers.topic,
      producer: producers.producer,
      sequence: producers.sequence,
    })
      .from(producers).orderBy(asc(producers.updatedAt)).all(),
    nextSession: Number(lastSession) + 1,
  };
}
