/**
 * Sessions on record: listed, shown with their story and their samples.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { z } from "@hono/zod-openapi";
import type { SessionFilter, SessionRow } from "../db/store.ts";
import { type Endpoints, OPERATOR } from "./endpoint.ts";
import { Problem } from "./problem.ts";
import {
  deviceName,
  flagParameter,
  integerParameter,
  iso,
  isoOrNull,
  microseconds,
  role,
  timeParameter,
  timestamp,
  topicName,
} from "./schemas.ts";
import { series, seriesQuery, seriesRequest, seriesResponse } from "./series.ts";
import type { Services } from "./services.ts";
import { resolveTime } from "./time.ts";

/** Sessions on one page when the request does not say. */
const DEFAULT_LIMIT = 50;

const session = z.object({
  id: z.string(),
  number: z.int(),
  epoch: z.string(),
  role,
  device: z.string().nullable(),
  tokenId: z.string(),
  label: z.string(),
  remote: z.string(),
  transport: z.string(),
  client: z.string().nullable(),
  startedAt: timestamp,
  lastSeenAt: timestamp,
  endedAt: timestamp.nullable().openapi({ description: "null while it goes on." }),
  endReason: z.string().nullable().openapi({
    description: "Name of the close code, or crashed where the gateway died under it.",
  }),
  framesIn: z.int(),
  framesOut: z.int(),
  bytesIn: z.int(),
  bytesOut: z.int(),
  samplesIn: z.int(),
  samplesOut: z.int(),
  drops: z.record(z.string(), z.int()).openapi({ description: "Samples dropped or skipped, by reason." }),
  roundTripUs: z.number().nullable(),
}).openapi("Session");

const listQuery = z.object({
  device: deviceName.optional(),
  role: role.optional(),
  transport: z.string().max(32).optional(),
  endReason: z.string().max(64).optional(),
  open: flagParameter.optional().openapi({ description: "true: only those that go on." }),
  from: timeParameter.optional().openapi({ description: "Open at any moment from here …" }),
  to: timeParameter.optional().openapi({ description: "… until here." }),
  limit: integerParameter(1, 500).optional(),
  cursor: z.string().max(64).optional().openapi({ description: "`next` of the page before." }),
});

const params = z.object({ id: z.string().max(64) });

function described(row: SessionRow): z.input<typeof session> {
  return {
    ...row,
    startedAt: iso(row.startedAt),
    lastSeenAt: iso(row.lastSeenAt),
    endedAt: isoOrNull(row.endedAt),
  };
}

/** A page's end as text that callers pass back and do not look into. */
function cursorAt(number: number): string {
  return Buffer.from(`s${number}`).toString("base64url");
}

function readCursor(cursor: string): number {
  const number = /^s(\d{1,15})$/.exec(Buffer.from(cursor, "base64url").toString())?.[1];
  if (number !== undefined) return Number(number);
  const detail = "it is not a cursor of this list; give `next` of the page before";
  throw new Problem("bad-request", `cursor: ${detail}`, { errors: [{ parameter: "cursor", detail }] });
}

function filterOf(query: z.output<typeof listQuery>, nowMs: number): SessionFilter {
  const { device, role, transport, endReason, open, from, to, cursor, limit } = query;
  const ms = (us: number) => us / 1000;
  return {
    limit: limit ?? DEFAULT_LIMIT,
    ...(device === undefined ? {} : { device }),
    ...(role === undefined ? {} : { role }),
    ...(transport === undefined ? {} : { transport }),
    ...(endReason === undefined ? {} : { endReason }),
    ...(open === undefined ? {} : { open }),
    ...(from === undefined ? {} : { fromMs: Math.floor(ms(resolveTime(from, nowMs * 1000))) }),
    ...(to === undefined ? {} : { toMs: Math.ceil(ms(resolveTime(to, nowMs * 1000))) }),
    ...(cursor === undefined ? {} : { before: readCursor(cursor) }),
  };
}

/** Adds `/v1/sessions`. */
export function sessionRoutes(endpoints: Endpoints, services: Services): void {
  addList(endpoints, services);
  addOne(endpoints, services);
  addEvents(endpoints, services);
  addSamples(endpoints, services);
}

async function known(store: Services["store"], id: string): Promise<SessionRow> {
  const row = await store.session(id);
  if (row) return row;
  throw new Problem("not-found", `there is no session ${JSON.stringify(id)} on record`);
}

function addList(endpoints: Endpoints, { store, now = Date.now }: Services): void {
  endpoints.add({
    method: "get",
    path: "/v1/sessions",
    audience: OPERATOR,
    tag: "Sessions",
    summary: "List the sessions, newest first",
    description:
      "All conditions given must hold. `next` is the cursor of the following page, null on the last.",
    query: listQuery,
    response: z.object({ sessions: z.array(session), next: z.string().nullable() }),
  }, async ({ query }) => {
    const filter = filterOf(query, now());
    // One more than asked for tells whether there is a next page.
    const rows = await store.sessions({ ...filter, limit: filter.limit + 1 });
    const page = rows.slice(0, filter.limit);
    const last = page.at(-1);
    return {
      sessions: page.map(described),
      next: last !== undefined && rows.length > page.length ? cursorAt(last.number) : null,
    };
  });
}

function addOne(endpoints: Endpoints, { store }: Services): void {
  endpoints.add({
    method: "get",
    path: "/v1/sessions/{id}",
    audience: OPERATOR,
    tag: "Sessions",
    summary: "One session, with the topics it wrote",
    params,
    response: session.extend({
      topics: z.array(z.object({
        topic: z.string(),
        samples: z.int(),
        first: microseconds,
        last: microseconds,
      })),
    }).openapi("SessionWithTopics"),
    problems: ["not-found"],
  }, async ({ params }) => {
    const row = await known(store, params.id);
    const topics = await store.sessionTopics(row.id);
    return {
      ...described(row),
      topics: topics.map(({ topic, samples, firstUs, lastUs }) => ({
        topic,
        samples,
        first: firstUs,
        last: lastUs,
      })),
    };
  });
}

function addEvents(endpoints: Endpoints, { store }: Services): void {
  endpoints.add({
    method: "get",
    path: "/v1/sessions/{id}/events",
    audience: OPERATOR,
    tag: "Sessions",
    summary: "A session's story",
    params,
    response: z.object({
      events: z.array(z.object({
        at: timestamp,
        kind: z.string(),
        detail: z.record(z.string(), z.unknown()),
      })),
    }),
    problems: ["not-found"],
  }, async ({ params }) => {
    const row = await known(store, params.id);
    const events = await store.sessionEvents(row.id);
    return { events: events.map(({ at, kind, detail }) => ({ at: iso(at), kind, detail })) };
  });
}

function addSamples(endpoints: Endpoints, { store, now = Date.now }: Services): void {
  endpoints.add({
    method: "get",
    path: "/v1/sessions/{id}/samples",
    audience: OPERATOR,
    tag: "Sessions",
    summary: "Samples that a session wrote to one topic",
    description:
      "Without `from` and `to`, the whole session. JSON, or CBOR where the Accept header prefers it.",
    params,
    query: seriesQuery.extend({ topic: topicName }),
    response: series,
    otherResponses: { "application/cbor": { schema: series } },
    problems: ["not-found"],
  }, async ({ c, params, query }) => {
    const row = await known(store, params.id);
    const wrote = await store.sessionTopics(row.id);
    const range = wrote.find(({ topic }) => topic === query.topic);
    if (!range) {
      throw new Problem(
        "not-found",
        `session ${row.id} has no samples of ${JSON.stringify(query.topic)} on record`,
      );
    }
    const request = seriesRequest(query.topic, query, now(), {
      fromUs: range.firstUs,
      toUs: range.lastUs,
      session: row.number,
    });
    const found = await store.series(request);
    return seriesResponse(found, request, {
      accept: c.req.header("accept"),
      payloads: query.payload ?? false,
    });
  });
}
