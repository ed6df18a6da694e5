/**
 * Devices: listed, added, revoked.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { MAX_DESCRIPTION, type StoredDevice } from "../access/devices.ts";
import { type Endpoints, OPERATOR } from "./endpoint.ts";
import { deviceName, iso, isoOrNull, timestamp } from "./schemas.ts";
import { Problem } from "./problem.ts";
import type { ConnectedDevice, Services } from "./services.ts";

const device = z.object({
  name: z.string(),
  description: z.string(),
  createdAt: timestamp,
  lastSeenAt: timestamp.nullable(),
  revokedAt: timestamp.nullable(),
  online: z.boolean(),
  session: z.string().nullable().openapi({ description: "Id of its open session." }),
  transport: z.string().nullable(),
  remote: z.string().nullable(),
}).openapi("Device");

const newDevice = z.strictObject({
  name: deviceName,
  description: z.string().max(MAX_DESCRIPTION).optional(),
  replace: z.boolean().optional().openapi({
    description: "Take over a device of this name that exists: its tokens are revoked and its sessions end.",
  }),
});

function described(row: StoredDevice, live: ConnectedDevice | undefined): z.input<typeof device> {
  return {
    name: row.name,
    description: row.description,
    createdAt: iso(row.createdAt),
    lastSeenAt: isoOrNull(row.lastSeenAt),
    revokedAt: isoOrNull(row.revokedAt),
    online: live !== undefined,
    session: live?.sessionId ?? null,
    transport: live?.transportKind ?? null,
    remote: live?.remote ?? null,
  };
}

/** Adds `/v1/devices`. */
export function deviceRoutes(endpoints: Endpoints, services: Services): void {
  const { devices } = services.access;
  endpoints.add({
    method: "get",
    path: "/v1/devices",
    audience: OPERATOR,
    tag: "Devices",
    summary: "List the devices",
    description: "Every device that was added or approved, revoked ones included, by name.",
    response: z.object({ devices: z.array(device) }),
  }, () => {
    const live = new Map([...services.connected()].map((entry) => [entry.device, entry]));
    return { devices: devices.list().map((row) => described(row, live.get(row.name))) };
  });

  endpoints.add({
    method: "post",
    path: "/v1/devices",
    audience: OPERATOR,
    tag: "Devices",
    summary: "Add a device",
    description: "Makes the device and its token, which is shown in this answer and never again.",
    body: newDevice,
    status: 201,
    response: z.object({ device, token: z.string(), tokenId: z.string() }),
    problems: ["conflict"],
  }, async ({ body: { name, description, replace } }) => {
    const added = await devices.add(name, { description: description ?? "", replace: replace ?? false });
    return { device: described(added.device, undefined), token: added.token, tokenId: added.info.id };
  });

  endpoints.add({
    method: "get",
    path: "/v1/devices/{name}",
    audience: OPERATOR,
    tag: "Devices",
    summary: "Show a device",
    description: "One device, revoked or not.",
    params: z.object({ name: deviceName }),
    response: device,
    problems: ["not-found"],
  }, ({ params }) => {
    const row = devices.get(params.name);
    if (!row) throw new Problem("not-found", `there is no device ${params.name}`);
    return described(row, [...services.connected()].find((entry) => entry.device === params.name));
  });

  endpoints.add({
    method: "delete",
    path: "/v1/devices/{name}",
    audience: OPERATOR,
    tag: "Devices",
    summary: "Revoke a device",
    description: "Revokes all its tokens; its live sessions end at once. What it sent stays on record.",
    params: z.object({ name: deviceName }),
    response: device,
    problems: ["not-found"],
  }, async ({ params }) => described(await devices.revoke(params.name), undefined));
}
