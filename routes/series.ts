/**
 * Recorded samples of one topic, as JSON or CBOR.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { encode as encodeCbor } from "cborg";
import { z } from "@hono/zod-openapi";
import type { Series, SeriesRequest } from "../db/store.ts";
import { ENCODINGS } from "../protocol/control.ts";
import { Problem } from "./problem.ts";
import { flagParameter, integerParameter, microseconds, timeParameter } from "./schemas.ts";
import { resolveTime } from "./time.ts";

/** Most points in one answer: what a chart can show many times over, and an answer of a few megabytes. */
export const MAX_POINTS = 100_000;

/** Points in an answer when the request does not say: more than a chart has pixels. */
const DEFAULT_POINTS = 2_000;

/** Query of the endpoints that answer samples. */
export const seriesQuery = z.object({
  from: timeParameter.optional(),
  to: timeParameter.optional(),
  maxPoints: integerParameter(1, MAX_POINTS).optional(),
  downsampling: z.enum(["minmax", "lttb", "none"]).optional().openapi({
    description: "How to thin out: minmax keeps extremes (default), lttb the shape, none cuts at maxPoints.",
  }),
  field: z.string().max(256).optional().openapi({
    description: "Named number of the payload to thin out by; default the first.",
  }),
  payload: flagParameter.optional().openapi({
    description: "Add the raw payload of every sample, in base64 (bytes in CBOR).",
  }),
});

const point = z.object({
  t: microseconds,
  epoch: z.string(),
  offset: z.int(),
  value: z.unknown().optional().openapi({
    description:
      "Decoded payload: a number, named numbers, text or JSON; missing where it cannot be decoded.",
  }),
  payload: z.string().optional().openapi({ description: "Base64; where asked for, or not decodable." }),
});

/** An answer with samples. */
export const series = z.object({
  topic: z.string(),
  encoding: z.enum(ENCODINGS),
  unit: z.string().nullable(),
  from: microseconds,
  to: microseconds,
  total: z.int().openapi({ description: "Samples in the range before thinning." }),
  truncated: z.boolean().openapi({ description: "Samples at the end of the range were left out." }),
  points: z.array(point),
}).openapi("Series");

/** The request to the database. Without `from`, the hour before `to` is meant. */
export function seriesRequest(
  topic: string,
  query: z.output<typeof seriesQuery>,
  nowMs: number,
  defaults: { fromUs?: number; toUs?: number; session?: number } = {},
): SeriesRequest {
  const nowUs = nowMs * 1000;
  const toUs = query.to ? resolveTime(query.to, nowUs) : defaults.toUs ?? nowUs;
  const fromUs = query.from ? resolveTime(query.from, nowUs) : defaults.fromUs ?? Math.max(0, toUs - 3_600e6);
  if (fromUs > toUs) {
    const detail = `from (${fromUs} µs) lies behind to (${toUs} µs)`;
    throw new Problem("bad-request", detail, { errors: [{ parameter: "from", detail }] });
  }
  return {
    topic,
    fromUs,
    toUs,
    maxPoints: query.maxPoints ?? DEFAULT_POINTS,
    downsampling: query.downsampling ?? "minmax",
    ...(query.field === undefined ? {} : { field: query.field }),
    ...(defaults.session === undefined ? {} : { session: defaults.session }),
  };
}

/** The answer, in the form that the Accept header prefers. */
export function seriesResponse(
  found: Series,
  request: SeriesRequest,
  options: { accept: string | undefined; payloads: boolean },
): Response {
  const cbor = prefersCbor(options.accept);
  const body = {
    topic: found.topic,
    encoding: found.description.encoding,
    unit: found.description.unit ?? null,
    from: request.fromUs,
    to: request.toUs,
    total: found.total,
    truncated: found.truncated,
    points: found.points.map(({ timeUs, epoch, offset, value, payload }) => {
      const decoded = value !== undefined && !(value instanceof Uint8Array);
      return {
        t: timeUs,
        epoch,
        offset,
        ...(decoded ? { value: cbor ? value : jsonValue(value) } : {}),
        ...(options.payloads || !decoded ? { payload: cbor ? payload : base64(payload) } : {}),
      };
    }),
  };
  return cbor
    ? new Response(new Uint8Array(encodeCbor(body)), {
      headers: { "content-type": "application/cbor", "vary": "accept" },
    })
    : new Response(JSON.stringify(body), {
      headers: { "content-type": "application/json", "vary": "accept" },
    });
}

/** Bytes in base64 (RFC 4648 section 4). */
export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}

/**
 * A decoded payload as JSON can carry it: bytes become base64, and numbers that JSON has no form for become
 * the strings "NaN", "Infinity" and "-Infinity", which would otherwise turn to null and read as missing.
 */
export function jsonValue(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return base64(value);
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, jsonValue(entry)]));
  }
  return value;
}

/** Whether the Accept header (RFC 9110 section 12.5.1) ranks CBOR above JSON; JSON wins a tie. */
function prefersCbor(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  let cbor = 0;
  let json = 0;
  for (const entry of accept.toLowerCase().split(",")) {
    const [type, ...parameters] = entry.split(";").map((part) => part.trim());
    const weight = Number(parameters.find((part) => part.startsWith("q="))?.slice(2) ?? 1);
    if (Number.isNaN(weight)) continue;
    if (type === "application/cbor") cbor = weight;
    if (type === "application/json") json = weight;
  }
  return cbor > json;
}
