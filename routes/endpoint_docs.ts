/**
 * An endpoint as the OpenAPI document describes it.
 *
 * @module
 */
import { type RouteConfig, z } from "@hono/zod-openapi";
import type { EndpointSpec } from "./endpoint.ts";
import { type ProblemKind, PROBLEMS } from "./problem.ts";

const problemDocument = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string(),
  errors: z.array(z.object({
    pointer: z.string().optional(),
    parameter: z.string().optional(),
    detail: z.string(),
  })).optional(),
}).openapi("Problem", { description: "What went wrong (RFC 9457)." });

/** The entry of an endpoint. */
export function openApiRoute(spec: EndpointSpec): RouteConfig {
  const { method, path, audience, tag, summary, description, params, query } = spec;
  const needs = audience === "public" ? "Needs no token." : `Needs the role ${audience.join(" or ")}.`;
  const body = requestBody(spec);
  return {
    method,
    path,
    tags: [tag],
    operationId: operationId(method, path),
    summary,
    description: description ? `${description}\n\n${needs}` : needs,
    security: audience === "public" ? [] : [{ bearer: [] }, { cookie: [] }, { basic: [] }],
    request: { ...(params ? { params } : {}), ...(query ? { query } : {}), ...(body ? { body } : {}) },
    responses: { ...successResponse(spec), ...problemResponses(spec) },
  };
}

function requestBody(spec: EndpointSpec): NonNullable<RouteConfig["request"]>["body"] {
  if (spec.body) return { required: true, content: { "application/json": { schema: spec.body } } };
  return spec.rawBody ? { required: true, content: spec.rawBody } : undefined;
}

function operationId(method: string, path: string): string {
  const words = path.replace("/v1", "").split(/[^a-z]+/i).filter((word) => word !== "");
  return [method, ...words].map((word, i) => i === 0 ? word : word[0]!.toUpperCase() + word.slice(1)).join(
    "",
  );
}

function successResponse(spec: EndpointSpec): RouteConfig["responses"] {
  const status = spec.status ?? 200;
  if (status === 204) return { 204: { description: "Done." } };
  const content = {
    ...(spec.response ? { "application/json": { schema: spec.response } } : {}),
    ...spec.otherResponses,
  };
  return { [status]: { description: status === 201 ? "Made." : "The answer.", content } };
}

function problemResponses(spec: EndpointSpec): RouteConfig["responses"] {
  const kinds = new Set<ProblemKind>(spec.problems ?? []);
  if (spec.params || spec.query || spec.body) kinds.add("bad-request");
  if (spec.body) kinds.add("too-large").add("unsupported-media-type");
  if (spec.audience !== "public") kinds.add("unauthorized").add("forbidden").add("rate-limited");
  const titles = new Map<number, string[]>();
  for (const kind of kinds) {
    const { status, title } = PROBLEMS[kind];
    titles.set(status, [...(titles.get(status) ?? []), title]);
  }
  const content = { "application/problem+json": { schema: problemDocument } };
  return Object.fromEntries(
    [...titles].map(([status, texts]) => [status, { description: `${texts.join(", or ")}.`, content }]),
  );
}
