/**
 * Reads the record of sessions.
 *
 * @module
 */
import { and, asc, desc, eq, gte, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import { sessionEvents, sessions, topics } from "./schema.ts";
import type { SampleSource } from "./sample_source.ts";
import type { Drizzle } from "./sqlite.ts";
import type { SessionEventRow, SessionFilter, SessionRow } from "./store.ts";

/** Most sessions in one answer. */
const MAX_LIMIT = 1_000;

/** Where a session's samples lie. */
export interface SessionTopic {
  topic: string;
  samples: number;
  firstUs: number;
  lastUs: number;
}

type Stored = typeof sessions.$inferSelect;

const shown = (gateway: string) => ({ run, ...row }: Stored): SessionRow => ({
  ...row,
  epoch: `${gateway}.${run}`,
});

function conditions(filter: SessionFilter): SQL[] {
  const { device, role, transport, endReason, fromMs, toMs, open, before } = filter;
  const all: (SQL | undefined)[] = [
    device === undefined ? undefined : eq(sessions.device, device),
    role === undefined ? undefined : eq(sessions.role, role),
    transport === undefined ? undefined : eq(sessions.transport, transport),
    endReason === undefined ? undefined : eq(sessions.endReason, endReason),
    fromMs === undefined ? undefined : or(isNull(sessions.endedAt), gte(sessions.endedAt, fromMs)),
    toMs === undefined ? undefined : lte(sessions.startedAt, toMs),
    open === undefined ? undefined : open ? isNull(sessions.endedAt) : sql`${sessions.endedAt} is not null`,
    before === undefined ? undefined : lt(sessions.number, before),
  ];
  return all.filter((condition) => condition !== undefined);
}

/** Lists sessions, newest first. */
export function listSessions(db: Drizzle, gateway: string, filter: SessionFilter): SessionRow[] {
  const limit = Math.max(1, Math.min(filter.limit, MAX_LIMIT));
  return db.select().from(sessions).where(and(...conditions(filter))).orderBy(desc(sessions.number))
    .limit(limit).all().map(shown(gateway));
}

/** The session with this id. */
export function findSession(db: Drizzle, gateway: string, id: string): SessionRow | null {
  const row = db.select().from(sessions).where(eq(sessions.id, id)).get();
  return row ? shown(gateway)(row) : null;
}

/** The story of a session, oldest first. */
export function listSessionEvents(db: Drizzle, id: string): SessionEventRow[] {
  return db.select({ at: sessionEvents.at, kind: sessionEvents.kind, detail: sessionEvents.detail })
    .from(sessionEvents).innerJoin(sessions, eq(sessions.number, sessionEvents.session))
    .where(eq(sessions.id, id)).orderBy(asc(sessionEvents.id)).all();
}

/** The topics that have samples of a session on record. */
export function listSessionTopics(db: Drizzle, source: SampleSource, id: string): SessionTopic[] {
  const session = db.select().from(sessions).where(eq(sessions.id, id)).get();
  if (!session) return [];
  const found = new Map<number, { samples: number; firstUs: number; lastUs: number }>();
  const add = (topic: number, samples: number, firstUs: number, lastUs: number) => {
    const known = found.get(topic) ?? { samples: 0, firstUs: Infinity, lastUs: 0 };
    known.samples += samples;
    known.firstUs = Math.min(known.firstUs, firstUs);
    known.lastUs = Math.max(known.lastUs, lastUs);
    found.set(topic, known);
  };
  source.look(() => source.ofSession(session.number, session.run, session.startedAt * 1000, add));
  const names = new Map(
    db.select({ id: topics.id, name: topics.name }).from(topics).all().map((t) => [t.id, t.name]),
  );
  return [...found].map(([topic, row]) => ({ topic: names.get(topic) ?? `#${topic}`, ...row }))
    .sort((a, b) => a.topic < b.topic ? -1 : 1);
}
