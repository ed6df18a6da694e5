/**
 * Tokens: listed, made, revoked.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { MAX_LABEL, MAX_TOKEN_PATTERNS, type TokenInfo } from "../access/token_rows.ts";
import { type Endpoints, OPERATOR } from "./endpoint.ts";
import { Problem } from "./problem.ts";
import { deviceName, iso, isoOrNull, role, timestamp, topicPattern } from "./schemas.ts";
import type { Services } from "./services.ts";

const token = z.object({
  id: z.string(),
  role,
  device: z.string().nullable(),
  label: z.string(),
  read: z.array(z.string()),
  write: z.array(z.string()),
  createdAt: timestamp,
  expiresAt: timestamp.nullable(),
  revokedAt: timestamp.nullable(),
  lastUsedAt: timestamp.nullable(),
  ephemeral: z.boolean().openapi({ description: "Valid for this run of the gateway only." }),
}).openapi("Token");

const patterns = z.array(topicPattern).max(MAX_TOKEN_PATTERNS);

const newToken = z.strictObject({
  role,
  device: deviceName.optional().openapi({ description: "Required for role device: a device that exists." }),
  label: z.string().max(MAX_LABEL).optional(),
  read: patterns.optional().openapi({ description: "What a dashboard may read; default everything." }),
  write: patterns.optional().openapi({ description: "What a dashboard may write; default nothing." }),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
});

/** A token as answers carry it. */
function described(info: TokenInfo): z.input<typeof token> {
  return {
    ...info,
    createdAt: iso(info.createdAt),
    expiresAt: isoOrNull(info.expiresAt),
    revokedAt: isoOrNull(info.revokedAt),
    lastUsedAt: isoOrNull(info.lastUsedAt),
  };
}

/** Adds `/v1/tokens`. */
export function tokenRoutes(endpoints: Endpoints, services: Services): void {
  const { tokens, devices } = services.access;
  endpoints.add({
    method: "get",
    path: "/v1/tokens",
    audience: OPERATOR,
    tag: "Tokens",
    summary: "List the tokens",
    description: "Every token, revoked and expired ones included, newest first; never the tokens themselves.",
    response: z.object({ tokens: z.array(token) }),
  }, () => ({ tokens: tokens.list().map(described) }));

  endpoints.add({
    method: "post",
    path: "/v1/tokens",
    audience: OPERATOR,
    tag: "Tokens",
    summary: "Make a token",
    description: "`token` is shown in this answer and never again.",
    body: newToken,
    status: 201,
    response: z.object({ token: z.string(), info: token }),
    problems: ["not-found", "conflict"],
  }, async ({ body: { role, device, label, read, write, expiresAt } }) => {
    if (role === "device" && device !== undefined && !devices.active(device)) {
      throw new Problem("not-found", `there is no device ${device}; add it with POST /v1/devices`);
    }
    const created = await tokens.create({
      role,
      ...(device === undefined ? {} : { device }),
      ...(label === undefined ? {} : { label }),
      ...(read === undefined ? {} : { read }),
      ...(write === undefined ? {} : { write }),
      ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }),
    });
    return { token: created.token, info: described(created.info) };
  });

  endpoints.add({
    method: "delete",
    path: "/v1/tokens/{id}",
    audience: OPERATOR,
    tag: "Tokens",
    summary: "Revoke a token",
    description: "Live sessions that came with it end at once.",
    params: z.object({ id: z.string().max(64) }),
    response: token,
    problems: ["not-found"],
  }, async ({ params }) => described(await tokens.revoke(params.id)));
}
