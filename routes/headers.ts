/**
 * Headers that every answer carries.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Gate } from "../access/gate.ts";
import type { AppEnv } from "./endpoint.ts";

/** What an answer of the API may do when a browser shows it as a page: nothing. */
const API_CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'";

/**
 * Security headers for every answer; a handler's own go before them. Nothing is cached unless a handler says
 * how: answers hold what a token allows, and the next user of the browser may not have it.
 */
export const securityHeaders: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  const { headers } = c.res;
  const ensure = (name: string, value: string) => headers.has(name) || headers.set(name, value);
  ensure("content-security-policy", API_CONTENT_SECURITY_POLICY);
  ensure("cache-control", "no-store");
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  headers.set("x-frame-options", "DENY");
};

/**
 * Lets pages of the allowed origins read answers (the Fetch standard's CORS protocol). They come with a Bearer
 * token: the cookie is SameSite=Strict and never sent from there, so credentials are not allowed.
 */
export function crossOrigin(gate: Pick<Gate, "origin">): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const allowed = gate.origin(c.req.raw) === "allowed";
    if (
      allowed && c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined
    ) {
      c.res = c.body(null, 204, {
        "access-control-allow-methods": "GET, HEAD, POST, PATCH, DELETE",
        "access-control-allow-headers": "authorization, content-type, accept, if-match",
        "access-control-max-age": "600",
      });
    } else {
      await next();
    }
    c.res.headers.append("vary", "origin");
    if (!allowed) return;
    c.res.headers.set("access-control-allow-origin", c.req.header("origin")!);
    c.res.headers.set("access-control-expose-headers", "location, etag, link, retry-after");
  };
}
