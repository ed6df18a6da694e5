/**
 * Devices that wait to be let in: listed, approved, rejected.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import type { Enrolment } from "../access/enrolments.ts";
import { type Endpoints, OPERATOR } from "./endpoint.ts";
import { flagParameter, iso, timestamp } from "./schemas.ts";
import type { Services } from "./services.ts";

const enrolment = z.object({
  id: z.string(),
  code: z.string().openapi({ description: "The device shows the same.", example: "K7QF-2M8X" }),
  device: z.string(),
  description: z.string(),
  remote: z.string(),
  requestedAt: timestamp,
  expiresAt: timestamp,
  known: z.boolean().openapi({ description: "A device of this name exists; approving needs `replace`." }),
}).openapi("Enrolment");

const params = z.object({ id: z.string().max(32).openapi({ description: "The id, or the code." }) });

function described(entry: Enrolment): z.input<typeof enrolment> {
  return { ...entry, requestedAt: iso(entry.requestedAt), expiresAt: iso(entry.expiresAt) };
}

/** Adds `/v1/enrolments`. */
export function enrolmentRoutes(endpoints: Endpoints, services: Services): void {
  const { enrolments } = services.access;
  endpoints.add({
    method: "get",
    path: "/v1/enrolments",
    audience: OPERATOR,
    tag: "Enrolments",
    summary: "List the devices that wait to be let in",
    response: z.object({ enrolments: z.array(enrolment) }),
  }, () => ({ enrolments: enrolments.list().map(described) }));

  endpoints.add(
    {
      method: "post",
      path: "/v1/enrolments/{id}/approve",
      audience: OPERATOR,
      tag: "Enrolments",
      summary: "Let a waiting device in",
      description:
        "Compare the code with the device's first. The device gets its token on its open connection.",
      params,
      query: z.object({
        replace: flagParameter.optional().openapi({
          description:
            "Take over a device of this name that exists: its tokens are revoked and its sessions end.",
        }),
      }),
      response: enrolment,
      problems: ["not-found", "conflict"],
    },
    async ({ params, query }) =>
      described(await enrolments.approve(params.id, { replace: query.replace ?? false })),
  );

  endpoints.add({
    method: "post",
    path: "/v1/enrolments/{id}/reject",
    audience: OPERATOR,
    tag: "Enrolments",
    summary: "Turn a waiting device down",
    params,
    response: enrolment,
    problems: ["not-found"],
  }, ({ params }) => described(enrolments.reject(params.id)));
}
