/**
 * The two WebSocket endpoints: decides on each handshake before anything is upgraded.
 *
 * @module
 */
import { offeredSubprotocols } from "../access/credentials.ts";
import { FOREIGN, type Gate } from "../access/gate.ts";
import type { Principal } from "../hub/access.ts";
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from "../protocol/limits.ts";
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
  /** Told of each handshake that is turned down: a page or a device often cannot show its user the answer. */
  turnedDown?(turned: TurnedDown): void;
}

/** A handshake that is let in. */
interface LetIn {
  protocol?: string;
  accept: Accept;
}

/** What the handshake came to. */
export type Handshake = LetIn | Response;

/** A handshake that is turned down. Nothing of a token is in it. */
export interface TurnedDown {
  status: 400 | 401 | 403 | 404 | 429;
  /** What to do about it. */
  detail: string;
  path: string;
  /** Peer as `address:port`. */
  remote: string;
  /** The page that asked, as its browser says. */
  origin: string | null;
}

/** Why it is turned down, for {@link TurnedDown} and the answer. */
interface Refusal extends Pick<TurnedDown, "status" | "detail"> {
  refused: true;
  retryAfterS: number | undefined;
}

/** Path of the devices' endpoint. */
export const DEVICE_PATH = "/v1/device";
/** Path of the dashboards' endpoint. */
export const LIVE_PATH = "/v1/live";

/** Path of MQTT over WebSocket. */
const MQTT_PATH = "/mqtt";
/** Its subprotocol (MQTT 3.1.1 section 6). */
const MQTT_SUBPROTOCOL = "mqtt";

/** Decides on WebSocket handshakes. */
export function decideHandshake(request: Request, remote: string, endpoints: SocketEndpoints): Handshake {
  const path = new URL(request.url).pathname;
  const decided = decide(request, path, remote, endpoints);
  if (!("refused" in decided)) return decided;
  const { status, detail, retryAfterS } = decided;
  endpoints.turnedDown?.({ status, detail, path, remote, origin: request.headers.get("origin") });
  return answer(status, detail, retryAfterS);
}

function decide(
  request: Request,
  path: string,
  remote: string,
  endpoints: SocketEndpoints,
): LetIn | Refusal {
  if (path === MQTT_PATH && endpoints.mqtt) return mqttHandshake(request, endpoints.gate, endpoints.mqtt);
  if (path !== DEVICE_PATH && path !== LIVE_PATH) {
    return refusal(404, `no WebSocket endpoint at ${path}; there are ${DEVICE_PATH} and ${LIVE_PATH}`);
  }
  const offered = offeredSubprotocols(request.headers);
  const known = offered.includes(SUBPROTOCOL);
  if (offered.length > 0 && !known) {
    const names = offered.filter((name) => !name.startsWith(TOKEN_SUBPROTOCOL_PREFIX)).join(", ");
    return refusal(400, `subprotocol ${names || "(none)"} is not spoken here; offer ${SUBPROTOCOL}`);
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

function mqttHandshake(request: Request, gate: Gate, accept: Accept): LetIn | Refusal {
  if (!offeredSubprotocols(request.headers).includes(MQTT_SUBPROTOCOL)) {
    return refusal(400, `MQTT over WebSocket offers the subprotocol ${MQTT_SUBPROTOCOL}`);
  }
  if (gate.origin({ headers: request.headers, url: request.url }) === "foreign") {
    return refusal(403, FOREIGN);
  }
  return { protocol: MQTT_SUBPROTOCOL, accept };
}

function refusal(status: Refusal["status"], detail: string, retryAfterS?: number): Refusal {
  return { refused: true, status, detail, retryAfterS };
}

function answer(status: number, detail: string, retryAfterS: number | undefined): Response {
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
