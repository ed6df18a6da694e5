/**
 * Writing topics over HTTP. A dashboard or operator writes to a device; a device publishes its own.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { mayWrite } from "../hub/access.ts";
import type { TopicDescription } from "../hub/topic.ts";
import { encode } from "../payload/encode.ts";
import { PayloadError } from "../payload/payload.ts";
import { MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";
import { MAX_JSON_BYTES, mediaType, parseJson, readBody } from "./body.ts";
import { type Endpoints, EVERY_ROLE } from "./endpoint.ts";
import { Problem } from "./problem.ts";
import { integerParameter, microseconds, topicName } from "./schemas.ts";
import { jsonValue } from "./series.ts";
import type { Services } from "./services.ts";

/** Longest time that a request waits for a device's answer, in milliseconds; proxies seldom wait longer. */
const MAX_WAIT_MS = 60_000;

const outcome = z.object({
  status: z.enum(["accepted", "done", "failed", "timeout", "published"]).openapi({
    description:
      "accepted: kept, and sent to the device as soon as it is there; done, failed: the device's answer; " +
      "timeout: none in time; published: a device's own sample is taken.",
  }),
  message: z.string().optional(),
  value: z.unknown().optional(),
  offset: z.int().optional(),
  t: microseconds.optional(),
}).openapi("WriteOutcome");

/**
 * What `curl -d` says of a body when it is told nothing. Nobody writes a form to a topic: taken as it is, `1.5` would
 * reach an f32 as three bytes of text.
 */
const FORM = "application/x-www-form-urlencoded";

/** The payload that the body holds: JSON is encoded as the topic declares, all else is taken as it is. */
async function payloadOf(request: Request, description: TopicDescription | undefined): Promise<Uint8Array> {
  if (mediaType(request) === FORM) {
    throw new Problem(
      "unsupported-media-type",
      "a form is no value: send Content-Type application/json for a value, application/octet-stream for bytes",
    );
  }
  if (mediaType(request) !== "application/json") return await readBody(request, MAX_PAYLOAD_BYTES);
  const bytes = await readBody(request, MAX_JSON_BYTES);
  const value = parseJson(bytes);
  try {
    return encode(description ?? { encoding: "json" }, value);
  } catch (error) {
    if (error instanceof PayloadError) throw new Problem("unencodable", error.message);
    throw error;
  }
}

/** Adds the writing half of `/v1/topics`. */
export function topicWriteRoutes(endpoints: Endpoints, services: Services): void {
  endpoints.add({
    method: "post",
    path: "/v1/topics/{topic}",
    audience: EVERY_ROLE,
    tag: "Topics",
    summary: "Write a topic",
    description:
      "A JSON body is encoded as the topic declares; any other body but a form is the payload as it is. " +
      "Dashboards and operators write topics that their device declared writable. A device publishes a sample " +
      "of its own; a topic not known yet becomes one of class state, encoded as json or, for other bodies, raw.",
    params: z.object({ topic: topicName }),
    query: z.object({
      timeoutMs: integerParameter(1, MAX_WAIT_MS).optional().openapi({
        description: "How long to wait for the device's answer to a command.",
      }),
    }),
    rawBody: {
      "application/json": { schema: z.unknown() },
      "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) },
    },
    response: outcome,
    problems: [
      "bad-request",
      "forbidden",
      "not-found",
      "conflict",
      "too-large",
      "unsupported-media-type",
      "unencodable",
      "unavailable",
    ],
  }, async ({ c, principal, params, query }) => {
    // Before the body is read: whoever may not write shall not make us read either.
    if (!mayWrite(principal, params.topic)) {
      throw new Problem("forbidden", `this token may not write topic ${JSON.stringify(params.topic)}`);
    }
    const view = services.topics.topic(params.topic);
    if (!view && principal.role !== "device") {
      throw new Problem("not-found", `there is no topic ${JSON.stringify(params.topic)}`);
    }
    const payload = await payloadOf(c.req.raw, view?.description);
    if (principal.role === "device") {
      const encoding = view?.description.encoding ??
        (mediaType(c.req.raw) === "application/json" ? "json" : "raw");
      const { offset, timeUs } = services.publish(principal, params.topic, payload, encoding);
      return { status: "published" as const, offset, t: timeUs };
    }
    const result = await services.writer.write(principal, params.topic, payload, query.timeoutMs);
    return { ...result, ...(result.value === undefined ? {} : { value: jsonValue(result.value) }) };
  });
}
