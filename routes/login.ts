/**
 * Logging in a browser: a token becomes a cookie that scripts cannot read.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { loginCookie, logoutCookie } from "../access/credentials.ts";
import type { Principal } from "../hub/access.ts";
import { admitted, type Endpoints, EVERY_ROLE } from "./endpoint.ts";
import { Problem } from "./problem.ts";
import { role } from "./schemas.ts";
import type { Services } from "./services.ts";

const me = z.object({
  role,
  label: z.string(),
  tokenId: z.string(),
  device: z.string().nullable(),
  read: z.array(z.string()),
  write: z.array(z.string()),
}).openapi("Me");

function described({ role, label, tokenId, device, read, write }: Principal): z.input<typeof me> {
  return { role, label, tokenId, device: device ?? null, read: [...read], write: [...write] };
}

/** Adds `/v1/login`, `/v1/logout` and `/v1/me`. */
export function loginRoutes(endpoints: Endpoints, services: Services): void {
  const { gate } = services.access;
  /** Without this a foreign page could log its visitors in as somebody else, or out. */
  const refuseForeign = (request: Request) => {
    if (gate.origin(request) === "foreign") {
      throw new Problem("foreign-origin", "this page's origin is not allowed to log in or out here");
    }
  };

  endpoints.add({
    method: "post",
    path: "/v1/login",
    audience: "public",
    tag: "Login",
    summary: "Turn a token into the login cookie",
    description:
      "The cookie is HttpOnly and SameSite=Strict, and Secure under TLS. Device tokens cannot log in.",
    body: z.strictObject({ token: z.string().max(256) }),
    response: me,
    problems: ["unauthorized", "forbidden", "foreign-origin", "rate-limited"],
  }, ({ c, body, remote }) => {
    refuseForeign(c.req.raw);
    const principal = admitted(gate.admitToken(body.token, remote));
    if (principal.role === "device") {
      throw new Problem("forbidden", "a device's token cannot log in to the page");
    }
    c.header("set-cookie", loginCookie(body.token, { secure: services.secure }));
    return described(principal);
  });

  endpoints.add({
    method: "post",
    path: "/v1/logout",
    audience: "public",
    tag: "Login",
    summary: "Forget the login cookie",
    description: "The token itself stays valid; revoke it to end it.",
    status: 204,
    problems: ["foreign-origin"],
  }, ({ c }) => {
    refuseForeign(c.req.raw);
    c.header("set-cookie", logoutCookie({ secure: services.secure }));
  });

  endpoints.add({
    method: "get",
    path: "/v1/me",
    audience: EVERY_ROLE,
    tag: "Login",
    summary: "Who the token says you are, and what you may do",
    response: me,
  }, ({ principal }) => described(principal));
}
