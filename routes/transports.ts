/**
 * Why each session is on its transport: the facts, and what they mean in plain words.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import type { SessionEventRow, SessionRow } from "../db/store.ts";
import { explainWay } from "../rtc/explain.ts";
import type { LaneFacts, PlainMode, SessionWay } from "../transport/way.ts";
import { type Endpoints, OPERATOR } from "./endpoint.ts";
import { Problem } from "./problem.ts";
import { iso, role, timestamp } from "./schemas.ts";
import type { Services } from "./services.ts";

const candidate = z.object({
  type: z.string().openapi({ description: "host, srflx, prflx or relay (RFC 8445)." }),
  protocol: z.string(),
  address: z.string(),
  port: z.int(),
}).openapi("IceCandidate");

const pair = z.object({
  local: candidate,
  remote: candidate,
  state: z.enum(["waiting", "checking", "answered", "failed"]),
  heard: z.boolean().openapi({ description: "Whether a check of the client's came in on it." }),
}).openapi("IceCandidatePair");

const lane = z.object({
  stage: z.enum(["negotiating", "open", "over"]),
  since: timestamp,
  offers: z.int(),
  rejected: z.boolean(),
  cause: z.string().nullable(),
  retryAt: timestamp.nullable().openapi({ description: "When the client tries again by its own word." }),
  local: z.array(candidate).openapi({ description: "The gateway's." }),
  remote: z.array(candidate).openapi({ description: "The client's." }),
  pairs: z.array(pair).openapi({ description: "Those that were tried." }),
  selected: pair.nullable(),
}).openapi("WebRtcNegotiation");

const way = z.object({
  session: z.string(),
  role,
  name: z.string(),
  remote: z.string(),
  transport: z.string(),
  mode: z.enum(["protocol", "raw", "mqtt"]).openapi({
    description: "What it speaks: Tidegate's protocol, plain messages of a device over a WebSocket, or MQTT.",
  }),
  since: timestamp.openapi({ description: "When it came to this transport." }),
  cause: z.string(),
  why: z.string().openapi({ description: "Why it is there, in plain words." }),
  advice: z.array(z.string()).openapi({ description: "What would help; empty where nothing is to be done." }),
  roundTripMs: z.number().nullable(),
  sent: z.int().nullable().openapi({ description: "Messages that the gateway sent on the state lane." }),
  lost: z.int().nullable().openapi({ description: "Those of them that were not confirmed in time." }),
  webrtc: lane.nullable().openapi({ description: "null while the client has made no offer." }),
}).openapi("SessionTransport");

function laneOf(facts: LaneFacts): z.input<typeof lane> {
  const { sinceMs, retryAtMs, cause = null, selected = null, ...rest } = facts;
  return {
    ...rest,
    since: iso(sinceMs),
    retryAt: retryAtMs === undefined ? null : iso(retryAtMs),
    cause,
    selected,
  };
}

function described(one: SessionWay, services: Pick<Services, "rtc">): z.input<typeof way> {
  const { session, name, remote, transport, cause, roundTripMs = null, sent = null, lost = null } = one;
  const { text, advice } = explainWay(one, services.rtc);
  return {
    session,
    role: one.role,
    name,
    remote,
    transport,
    mode: one.mode ?? "protocol",
    since: iso(one.sinceMs),
    cause,
    why: text,
    advice,
    roundTripMs,
    sent,
    lost,
    webrtc: one.lane ? laneOf(one.lane) : null,
  };
}

/** Kinds of session events that tell of a transport. */
const TELLING = ["moved", "webrtc_rejected", "webrtc_closed"];

/** What the record says of a session that is over. */
function toldByEvents(events: readonly SessionEventRow[]): string {
  const last = events.findLast(({ kind }) => TELLING.includes(kind));
  if (!last) return "it never moved from the transport on which it began";
  const { to, cause, reason } = last.detail;
  if (last.kind === "moved") return `it moved to ${to}${cause === undefined ? "" : `: ${cause}`}`;
  if (last.kind === "webrtc_rejected") return `its offer of WebRTC was turned down: ${reason}`;
  return `its WebRTC path ended: ${cause}`;
}

/** What a session on record spoke. */
function modeOnRecord({ transport }: SessionRow, events: readonly SessionEventRow[]): PlainMode | "protocol" {
  if (transport === "mqtt") return "mqtt";
  return events.some(({ kind, detail }) => kind === "opened" && detail.mode === "raw") ? "raw" : "protocol";
}

/** Adds `/v1/transports` and `/v1/sessions/{id}/transport`. */
export function transportRoutes(endpoints: Endpoints, services: Services): void {
  endpoints.add({
    method: "get",
    path: "/v1/transports",
    audience: OPERATOR,
    tag: "Sessions",
    summary: "How each open session is connected, and why so",
    description:
      "Raw and MQTT devices too. Candidates, pairs that were tried, round trip and losses, where there are such, " +
      "and in plain words what they mean.",
    response: z.object({ transports: z.array(way) }),
  }, () => ({ transports: [...services.ways()].map((one) => described(one, services)) }));

  endpoints.add({
    method: "get",
    path: "/v1/sessions/{id}/transport",
    audience: OPERATOR,
    tag: "Sessions",
    summary: "Why a session is, or was, on its transport",
    params: z.object({ id: z.string().max(64) }),
    response: way,
    problems: ["not-found"],
  }, async ({ params }) => {
    for (const one of services.ways()) if (one.session === params.id) return described(one, services);
    const { store } = services;
    const row = await store.session(params.id);
    if (!row) throw new Problem("not-found", `there is no session ${JSON.stringify(params.id)} on record`);
    const events = await store.sessionEvents(row.id);
    const cause = toldByEvents(events);
    return {
      session: row.id,
      role: row.role,
      name: row.device ?? row.label,
      remote: row.remote,
      transport: row.transport,
      mode: modeOnRecord(row, events),
      since: iso(row.startedAt),
      cause,
      why: row.endedAt === null
        ? `${cause[0]!.toUpperCase()}${cause.slice(1)}.`
        : `The session is over; ${cause}.`,
      advice: [],
      roundTripMs: row.roundTripUs === null ? null : row.roundTripUs / 1_000,
      sent: null,
      lost: null,
      webrtc: null,
    };
  });
}
