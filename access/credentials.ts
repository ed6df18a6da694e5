/**
 * Where a request carries its token: the Authorization header (Bearer, or Basic for devices that can do no
 * better), the subprotocol list of a WebSocket (browsers cannot set headers there), or the cookie that login set.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { TOKEN_SUBPROTOCOL_PREFIX } from "../protocol/limits.ts";

/** Name of the cookie that login sets. */
export const COOKIE_NAME = "tidegate";

/**
 * How long browsers keep the cookie, in seconds: 400 days, the most that RFC 6265bis lets them. The token's
 * own expiry and revocation rule.
 */
const COOKIE_MAX_AGE_S = 34_560_000;

/** What a request presents. `problem` says what is wrong, without repeating any of it. */
export type Credentials =
  | { via: "none" }
  | { via: "bearer" | "subprotocol" | "cookie"; token: string }
  | { via: "basic"; token: string; user: string }
  | { via: "malformed"; problem: string };

const NONE: Credentials = { via: "none" };

function malformed(problem: string): Credentials {
  return { via: "malformed", problem };
}

/**
 * What the request presents. An explicit token (header, then subprotocol) goes before the cookie; one that is
 * malformed is refused rather than passed over for the next.
 */
export function credentialsOf(headers: Headers): Credentials {
  const authorization = headers.get("authorization");
  if (authorization !== null) return fromAuthorization(authorization);
  const protocols = headers.get("sec-websocket-protocol");
  const offered = protocols === null ? NONE : fromSubprotocols(protocols);
  if (offered.via !== "none") return offered;
  const cookies = headers.get("cookie");
  return cookies === null ? NONE : fromCookies(cookies);
}

function fromAuthorization(header: string): Credentials {
  const [, scheme, value] = /^([A-Za-z]+) +([^\s,]+) *$/.exec(header) ?? [];
  if (scheme === undefined || value === undefined) {
    return malformed("the Authorization header is not a scheme and one value");
  }
  switch (scheme.toLowerCase()) {
    case "bearer":
      return { via: "bearer", token: value };
    case "basic":
      return fromBasic(value);
    default:
      return malformed("the Authorization scheme is neither Bearer nor Basic");
  }
}

/** RFC 7617: base64 of `user:password`; the user holds no colon. */
function fromBasic(value: string): Credentials {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return malformed("the Basic credentials are not base64");
  const text = Buffer.from(value, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return malformed("the Basic credentials hold no colon");
  return { via: "basic", user: text.slice(0, colon), token: text.slice(colon + 1) };
}

function fromSubprotocols(header: string): Credentials {
  const tokens = header.split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry.startsWith(TOKEN_SUBPROTOCOL_PREFIX))
    .map((entry) => entry.slice(TOKEN_SUBPROTOCOL_PREFIX.length));
  const [token] = tokens;
  if (token === undefined) return NONE;
  if (tokens.length > 1) return malformed("the subprotocol list holds more than one token");
  return { via: "subprotocol", token };
}

function fromCookies(header: string): Credentials {
  const tokens = header.split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${COOKIE_NAME}=`))
    .map((pair) => pair.slice(COOKIE_NAME.length + 1));
  const [token] = tokens;
  if (token === undefined || token === "") return NONE;
  // Another site on a parent domain may plant a second one; which of them is ours cannot be told.
  if (tokens.length > 1) return malformed(`there is more than one cookie named ${COOKIE_NAME}`);
  return { via: "cookie", token };
}

/**
 * The subprotocols that a WebSocket handshake offers apart from tokens: those that may be confirmed. A token
 * must never be echoed in the answer.
 */
export function offeredSubprotocols(headers: Headers): string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "" && !entry.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
}

/**
 * The Set-Cookie value that keeps `token` in the browser: out of reach of scripts, and not sent with requests
 * that other sites cause.
 */
export function loginCookie(token: string, options: { secure: boolean; maxAgeS?: number }): string {
  const maxAge = options.maxAgeS ?? COOKIE_MAX_AGE_S;
  return `${COOKIE_NAME}=${token}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${
    options.secure ? "; Secure" : ""
  }`;
}

/** The Set-Cookie value that makes the browser forget it. */
export function logoutCookie(options: { secure: boolean }): string {
  return loginCookie("", { ...options, maxAgeS: 0 });
}
