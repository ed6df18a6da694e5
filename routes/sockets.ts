/**
 * The two WebSocket endpoints: decides on each handshake before anything is upgraded.
 *
 * @module
 */
import { offeredSubprotocols } from "../access/credentials.ts";
import type { Gate } from "../access/gate.ts";
import type { Principal } from "../hub/access.ts";
import { SUBPROTOCOL } from "../protocol/limits.ts";
import type { Accept } from "../transport/transport.ts";

/** How a device may come in. */
export type DeviceMode = "protocol" | "raw";

/** What happens behind the handshake. */
export interface SocketEndpoints {
  gate: Gate;
  /** A device; without a principal it has no token yet and may only ask to be enrolled. */
  device(principal: Principal | undefined, mode: DeviceMode): Accept;
  dashboard(principal: Principal): Accept;
  /** Whether devices without a token may connect at all. */
  enrolment: boolean;
  /** An MQTT client, which proves itself in its CONNECT; absent where there is no embedded broker. */
  mqtt?: Accept;
}

/** What the handshake came to. */
export type Handshake = { protocol?: string; accept: Accept } | Response;

/** Path of the devices' endpoint. */
export const DEVICE_PATH = "/v1/device";
/** Path of the dashboards' endpoint. */
export const LIVE_PATH = "/v1/live";

/** Path of MQTT over WebSocket. */
export const MQTT_PATH = "/mqtt";
/** Its subprotocol (MQTT 3.1.1 section 6). */
const MQTT_SUBPROTOCOL = "mqtt";

/** Decides on WebSocket handshakes. */
export function decideHandshake(request: Request, remote: string, endpoints: SocketEndpoints): Handshake {
  const path = new URL(request.url).pathname;
  if (path === MQTT_PATH && endpoints.mqtt) return mqttHandshake(request, endpoints.gate, endpoints.mqtt);
  if (path !== DEVICE_PATH && path !== LIVE_PATH) {
    return refusal(404, `no WebSocket endpoint at ${path}; there are ${DEVICE_PATH} and ${LIVE_PATH}`);
  }
  const offered = offeredSubprotocols(request.headers);
  const known = offered.includes(SUBPROTOCOL);
  if (offered.length > 0 && !known) {
    return refusal(400, `subprotocol ${offered.join(", ")} is not spoken here; offer ${SUBPROTOCOL}`);
  }
  const admission = endpoints.gate.admit({
    method: request.method,
    headers: request.headers,
    remote,
    url: request.url,
    upgrade: true,
  });
  if (!admission.ok) {
    const newDevice = path === DEVICE_PATH && known && endpoints.enrolment && admission.reason === "missing";
    if (newDevice) return { protocol: SUBPROTOCOL, accept: endpoints.device(undefined, "protocol") };
    return refusal(admission.status, admission.message, admission.retryAfterS);
  }
  const { principal } = admission;
  const protocol = known ? { protocol: SUBPROTOCOL } : {};
  if (path === DEVICE_PATH) {
    if (principal.role !== "device") {
      return refusal(403, `a ${principal.role} token cannot connect as a device; use a device's token`);
    }
    return { ...protocol, accept: endpoints.device(principal, known ? "protocol" : "raw") };
  }
  if (principal.role === "device") {
    return refusal(403, "a device token cannot connect as a dashboard; create a dashboard token");
  }
  if (!known) return refusal(400, `dashboards offer the subprotocol ${SUBPROTOCOL}`);
  return { ...protocol, accept: endpoints.dashboard(principal) };
}

function mqttHandshake(request: Request, gate: Gate, accept: Accept): Handshake {
  if (!offeredSubprotocols(request.headers).includes(MQTT_SUBPROTOCOL)) {
    return refusal(400, `MQTT over WebSocket offers the subprotocol ${MQTT_SUBPROTOCOL}`);
  }
  if (gate.origin({ headers: request.headers, url: request.url }) === "foreign") {
    return refusal(403, "this page's origin is not allowed; add it to the allowed origins of the gateway");
  }
  return { protocol: MQTT_SUBPROTOCOL, accept };
}

function refusal(status: number, detail: string, retryAfterS?: number): Response {
  return new Response(JSON.stringify({ title: TITLES[status], status, detail }), {
    status,
    headers: {
      "content-type": "application/problem+json",
      ...(status === 401 ? { "www-authenticate": 'Bearer realm="tidegate", Basic realm="tidegate"' } : {}),
      ...(retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) }),
    },
  });
}

const TITLES: Record<number, string> = {
  400: "Bad handshake",
  401: "Not authenticated",
  403: "Not allowed",
  404: "No such endpoint",
  429: "Too many attempts",
};
