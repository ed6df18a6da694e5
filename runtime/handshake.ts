/**
 * The way of one HTTP request, the same on every runtime: a plain request goes to `fetch`, a WebSocket handshake
 * to `upgrade`, and what either throws becomes a 500 and a fault for the log.
 *
 * @module
 */
import type { RequestInfo, ServeOptions, Upgrade } from "./runtime.ts";

/** Answers a plain request, or says how to take the WebSocket that was asked for. */
export async function decide(
  request: Request,
  info: RequestInfo,
  options: ServeOptions,
): Promise<Response | Upgrade> {
  const webSocket = request.headers.get("upgrade")?.toLowerCase() === "websocket";
  try {
    if (!webSocket) return await options.fetch(request, info);
    return badHandshake(request) ?? await options.upgrade(request, info);
  } catch (error) {
    options.onFault(error, webSocket ? "upgrade" : "fetch");
    return new Response("The gateway failed to answer; its log says why.\n", { status: 500 });
  }
}

/** The refusal of a handshake that RFC 6455 section 4.2.1 does not allow. */
function badHandshake(request: Request): Response | undefined {
  if (request.headers.get("sec-websocket-version") !== "13") {
    return new Response("This WebSocket version is not spoken here; use 13.\n", {
      status: 426,
      headers: { "sec-websocket-version": "13" },
    });
  }
  const key = request.headers.get("sec-websocket-key");
  if (request.method === "GET" && key !== null && /^[A-Za-z0-9+/]{22}==$/.test(key.trim())) return undefined;
  return new Response("A WebSocket handshake is a GET with a Sec-WebSocket-Key of 16 bytes.\n", {
    status: 400,
  });
}

/** An address and a port as one text; IPv6 in brackets. */
export function hostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Resolves to true once `work` settles, or to false after `ms`. */
export function settledWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    const done = () => {
      clearTimeout(timer);
      resolve(true);
    };
    work.then(done, done);
  });
}
