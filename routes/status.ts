/**
 * Whether the gateway is alive, ready, and how it fares.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { type Endpoints, OPERATOR } from "./endpoint.ts";
import { Problem } from "./problem.ts";
import { iso, timestamp } from "./schemas.ts";
import type { Services } from "./services.ts";

const status = z.object({
  version: z.string(),
  gateway: z.string(),
  epoch: z.string(),
  startedAt: timestamp,
  uptimeS: z.number(),
  notReady: z.array(z.string()),
  devices: z.object({ known: z.int(), online: z.int() }),
  topics: z.int(),
  tokens: z.int(),
  enrolments: z.int(),
  refused: z.record(z.string(), z.int()).openapi({ description: "Requests not let in, by reason." }),
  store: z.object({
    bytes: z.number(),
    freeBytes: z.number(),
    chunks: z.number(),
    samples: z.number(),
    oldestUs: z.number().nullable(),
    queuedBytes: z.number(),
    drops: z.record(z.string(), z.number()),
    error: z.string().nullable().openapi({ description: "Why nothing is recorded." }),
    tidyingRefused: z.number().openapi({
      description: "Attempts to tidy up that the disk refused since the start.",
    }),
    tidyingError: z.string().nullable().openapi({
      description: "Why tidying up does not get on; the recording goes on meanwhile.",
    }),
  }),
}).openapi("Status");

/** Adds `/healthz`, `/readyz` and `/v1/status`. */
export function statusRoutes(endpoints: Endpoints, services: Services): void {
  const now = services.now ?? Date.now;
  const { devices, tokens, enrolments, gate } = services.access;

  endpoints.add({
    method: "get",
    path: "/healthz",
    audience: "public",
    tag: "Health",
    summary: "Whether the program runs",
    description: "For liveness probes: restart it when this does not answer.",
    response: z.object({ status: z.literal("ok") }),
  }, () => ({ status: "ok" as const }));

  endpoints.add({
    method: "get",
    path: "/readyz",
    audience: "public",
    tag: "Health",
    summary: "Whether the gateway can do its work, and why not",
    description: "Answers 503 with the reasons in `errors` while it cannot.",
    response: z.object({ status: z.literal("ready") }),
    problems: ["unavailable"],
  }, () => {
    const reasons = services.notReady();
    if (reasons.length === 0) return { status: "ready" as const };
    throw new Problem("unavailable", reasons.join("; "), { errors: reasons.map((detail) => ({ detail })) });
  });

  endpoints.add({
    method: "get",
    path: "/v1/status",
    audience: OPERATOR,
    tag: "Health",
    summary: "How the gateway fares",
    response: status,
  }, async () => ({
    version: services.version,
    gateway: services.gateway,
    epoch: services.epoch,
    startedAt: iso(services.startedAtMs),
    uptimeS: Math.max(0, now() - services.startedAtMs) / 1000,
    notReady: services.notReady(),
    devices: {
      known: devices.list().filter(({ revokedAt }) => revokedAt === null).length,
      online: [...services.connected()].length,
    },
    topics: [...services.topics.topics()].length,
    tokens: tokens.list().filter(({ revokedAt }) => revokedAt === null).length,
    enrolments: enrolments.list().length,
    refused: { ...gate.refused },
    store: await services.store.status(),
  }));
}
