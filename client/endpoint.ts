/**
 * Where to connect and what to offer in the handshake.
 *
 * @module
 */
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from "../protocol/limits.ts";

/** Paths of the two endpoints. */
export const PATHS = { device: "/v1/device", live: "/v1/live" } as const;

/** Paths that take offers of WebRTC. */
const RTC_PATHS = { device: "/v1/rtc/device", live: "/v1/rtc/live" } as const;

/** RFC 9110 section 5.6.2: what an entry of `Sec-WebSocket-Protocol` may be made of. */
const TOKEN_CHARACTERS = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * The endpoint's WebSocket address. `url` names the gateway (`http`, `https`, `ws` or `wss`, with or without a
 * path in front of the endpoint's own); without it, it is the gateway that served the page.
 *
 * @throws {TypeError} when the url cannot be read or has another scheme.
 */
export function endpointUrl(url: string | URL | undefined, path: string): string {
  const page = (globalThis as { location?: { href?: string } }).location?.href;
  if (url === undefined && page === undefined) {
    throw new TypeError("url is missing: outside a page there is no gateway to guess");
  }
  const target = url === undefined ? new URL("/", page) : page ? new URL(url, page) : new URL(url);
  const scheme = { "http:": "ws:", "https:": "wss:", "ws:": "ws:", "wss:": "wss:" }[target.protocol];
  if (!scheme) {
    throw new TypeError(`url ${JSON.stringify(String(url))} must start with http, https, ws or wss`);
  }
  const base = target.pathname.replace(/\/+$/, "");
  return `${scheme}//${target.host}${base.endsWith(path) ? base : base + path}`;
}

/**
 * The subprotocols to offer. A browser cannot set headers, so the token travels as an entry of its own.
 *
 * @throws {TypeError} when the token has characters that the entry cannot carry.
 */
export function subprotocols(token: string | undefined): string[] {
  if (token === undefined) return [SUBPROTOCOL];
  if (!TOKEN_CHARACTERS.test(token)) {
    throw new TypeError(
      `token of ${token.length} characters has one that RFC 9110 does not allow here; is it cut or quoted?`,
    );
  }
  return [SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX + token];
}

/** Where to POST an offer; otherwise as {@link endpointUrl}. */
export function offerUrl(url: string | URL | undefined, role: keyof typeof RTC_PATHS): string {
  return endpointUrl(url, RTC_PATHS[role]).replace(/^ws/, "http");
}
