/**
 * Topics: which there are, their newest values and their history. A token sees what it may read; the rest does
 * not exist for it.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { mayRead, type Principal } from "../hub/access.ts";
import { decode } from "../payload/decode.ts";
import { PayloadError } from "../payload/payload.ts";
import { ENCODINGS, FIELD_TYPES } from "../protocol/control.ts";
import { matches } from "../protocol/topics.ts";
import { type Endpoints, EVERY_ROLE } from "./endpoint.ts";
import { Problem } from "./problem.ts";
import { integerParameter, microseconds, topicName, topicPattern } from "./schemas.ts";
import { base64, jsonValue, series, seriesQuery, seriesRequest, seriesResponse } from "./series.ts";
import type { Services, TopicView } from "./services.ts";

/** Topics on a page of the list where the request does not say. */
const DEFAULT_PAGE = 1_000;

/** Most topics on a page. */
const MAX_PAGE = 5_000;

const newest = z.object({
  t: microseconds,
  offset: z.int(),
  value: z.unknown().optional(),
  payload: z.string().optional().openapi({ description: "Base64, where the payload cannot be decoded." }),
}).openapi("NewestValue");

const topic = z.object({
  topic: z.string(),
  channel: z.int(),
  class: z.enum(["state", "event"]),
  encoding: z.enum(ENCODINGS),
  unit: z.string().optional(),
  fields: z.array(z.object({
    name: z.string(),
    type: z.enum(FIELD_TYPES),
    unit: z.string().optional(),
    count: z.int().optional(),
  })).optional(),
  schema: z.unknown().optional(),
  writable: z.boolean(),
  epoch: z.string(),
  newest: newest.nullable(),
}).openapi("Topic");

/** The newest value of a topic as answers carry it. */
function newestOf(view: TopicView): z.input<typeof newest> | null {
  if (!view.newest) return null;
  const { offset, timeUs, bytes, length } = view.newest;
  // A copy: the buffer is used again for the next sample.
  const payload = bytes.slice(0, length);
  const at = { t: timeUs, offset };
  try {
    const value = decode(view.description, payload);
    if (!(value instanceof Uint8Array)) return { ...at, value: jsonValue(value) };
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
  }
  return { ...at, payload: base64(payload) };
}

function described(view: TopicView): z.input<typeof topic> {
  // `fields` and `unit` come from the device's declaration as they are.
  return { ...view.announcement(), newest: newestOf(view) } as z.input<typeof topic>;
}

/** The topic, where the principal may read it. @throws {Problem} `not-found`. */
function readableTopic(services: Services, principal: Principal, name: string): TopicView {
  const view = mayRead(principal, name) ? services.topics.topic(name) : undefined;
  if (view) return view;
  throw new Problem("not-found", `there is no topic ${JSON.stringify(name)} that this token may read`);
}

/** Adds the reading half of `/v1/topics`. */
export function topicRoutes(endpoints: Endpoints, services: Services): void {
  const now = services.now ?? Date.now;
  endpoints.add({
    method: "get",
    path: "/v1/topics",
    audience: EVERY_ROLE,
    tag: "Topics",
    summary: "List the topics, with their newest values",
    description: "Those that the token may read, by name, a page at a time; `next` is null on the last.",
    query: z.object({
      pattern: topicPattern.optional(),
      limit: integerParameter(1, MAX_PAGE).optional(),
      after: topicName.optional().openapi({ description: "`next` of the page before." }),
    }),
    response: z.object({ topics: z.array(topic), next: z.string().nullable() }),
  }, ({ principal, query: { pattern, limit = DEFAULT_PAGE, after } }) => {
    const views: TopicView[] = [];
    for (const view of services.topics.topics()) {
      if (after !== undefined && view.name <= after) continue;
      if (pattern !== undefined && !matches(pattern, view.name)) continue;
      if (mayRead(principal, view.name)) views.push(view);
    }
    views.sort((a, b) => (a.name < b.name ? -1 : 1));
    // Only a page is decoded: every payload of a hundred thousand topics would hold up the stream.
    const page = views.slice(0, limit);
    const next = views.length > page.length ? page.at(-1)!.name : null;
    return { topics: page.map(described), next };
  });

  endpoints.add({
    method: "get",
    path: "/v1/topics/{topic}/last",
    audience: EVERY_ROLE,
    tag: "Topics",
    summary: "The newest value of a topic",
    description: "Slashes of the topic may stand as they are or as `%2F`.",
    params: z.object({ topic: topicName }),
    response: topic,
    problems: ["not-found"],
  }, ({ principal, params }) => described(readableTopic(services, principal, params.topic)));

  endpoints.add({
    method: "get",
    path: "/v1/topics/{topic}/history",
    audience: EVERY_ROLE,
    tag: "Topics",
    summary: "The recorded samples of a topic",
    description: "Without `from`, the last hour. JSON, or CBOR where `Accept: application/cbor` asks for it.",
    params: z.object({ topic: topicName }),
    query: seriesQuery,
    response: series,
    otherResponses: { "application/cbor": { schema: series } },
    problems: ["not-found"],
  }, async ({ c, principal, params, query }) => {
    const view = readableTopic(services, principal, params.topic);
    const request = seriesRequest(view.name, query, now());
    const found = await services.store.series(request);
    return seriesResponse(found, request, {
      accept: c.req.header("accept"),
      payloads: query.payload ?? false,
    });
  });
}
