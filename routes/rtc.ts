/**
 * WebRTC sessions that are set up over HTTP, as RFC 9725 does it for media: POST an offer, PATCH candidates and
 * restarts of ICE, DELETE to end.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import type { Principal, Role } from "../hub/access.ts";
import type { Welcome } from "../protocol/control.ts";
import type { HttpSession } from "../rtc/http_peer.ts";
import { parseSdpFragment, SDPFRAG_TYPE, type SdpFragment } from "../rtc/sdpfrag.ts";
import { mediaType, readBody } from "./body.ts";
import { ANONYMOUS } from "./caller.ts";
import { type Endpoints, EVERY_ROLE } from "./endpoint.ts";
import { Problem, type ProblemKind } from "./problem.ts";
import type { RtcSignalling, Services } from "./services.ts";

/** Media type of session descriptions. */
const SDP_TYPE = "application/sdp";

/** Largest description or fragment, in bytes; a browser's with all its candidates takes some 3,000. */
const MAX_SDP_BYTES = 65_536;

/** Where sessions are found; the id follows. */
const SESSION_PATH = "/v1/rtc/sessions/";

const DESCRIPTION =
  "Signalling as in RFC 9725, for clients that cannot have a WebSocket. The offer has the data channels " +
  "`control` (reliable, ordered), on which the session takes place, and `state` (unordered), the state lane. " +
  "The session is at `Location`; `Link` names STUN and TURN servers.";

/** Adds `/v1/rtc/…`. */
export function rtcRoutes(endpoints: Endpoints, services: Services): void {
  offerRoute(endpoints, services, "device", ["device"]);
  offerRoute(endpoints, services, "live", ["dashboard", "operator"]);
  sessionRoutes(endpoints, services);
}

function offerRoute(
  endpoints: Endpoints,
  services: Services,
  name: "device" | "live",
  audience: readonly Role[],
): void {
  endpoints.add({
    method: "post",
    path: `/v1/rtc/${name}`,
    audience,
    newcomers: name === "device",
    tag: "WebRTC",
    summary: name === "device" ? "Connect a device" : "Connect a dashboard",
    description: DESCRIPTION,
    rawBody: { [SDP_TYPE]: { schema: z.string() } },
    status: 201,
    otherResponses: { [SDP_TYPE]: { schema: z.string() } },
    problems: [...BODY_PROBLEMS, "not-acceptable", "not-found", "unprocessable", "too-many", "unavailable"],
  }, async ({ c, principal, remote }) => {
    const { sessions, accept } = rtcOf(services, principal);
    assertAccepts(c.req.header("accept"));
    const sdp = await readText(c.req.raw, SDP_TYPE);
    const known = principal === ANONYMOUS ? undefined : principal;
    const answer = await sessions.offer({
      sdp,
      remote,
      tokenId: known?.tokenId,
      accept: accept(name, known),
    });
    const headers = new Headers({
      "content-type": SDP_TYPE,
      "location": `sessions/${answer.session.id}`, // relative, for gateways behind a path of their own
      "etag": answer.session.etag,
      "accept-patch": SDPFRAG_TYPE,
    });
    for (const link of answer.iceServers.flatMap(iceLinks)) headers.append("link", link);
    return new Response(answer.sdp, { status: 201, headers });
  });
}

function sessionRoutes(endpoints: Endpoints, services: Services): void {
  const params = z.object({ id: z.string().max(64) });
  endpoints.add({
    method: "patch",
    path: `${SESSION_PATH}{id}`,
    audience: EVERY_ROLE,
    newcomers: true,
    tag: "WebRTC",
    summary: "Add candidates, or restart ICE",
    description:
      "Candidates come with the session's `ETag` in `If-Match` and are answered 204. New ICE credentials come " +
      "with `If-Match: *`: they restart ICE, and the answer holds the gateway's new credentials and candidates.",
    params,
    rawBody: { [SDPFRAG_TYPE]: { schema: z.string() } },
    otherResponses: { [SDPFRAG_TYPE]: { schema: z.string() } },
    problems: [
      ...BODY_PROBLEMS,
      "not-found",
      "conflict",
      "precondition-failed",
      "precondition-required",
      "unprocessable",
    ],
  }, async ({ c, principal, params }) => {
    const peer = sessionOf(services, params.id, principal);
    const condition = c.req.header("if-match");
    if (condition === undefined) {
      throw new Problem(
        "precondition-required",
        "If-Match is missing: the session's ETag, or * to restart ICE",
      );
    }
    const fragment = parseSdpFragment(await readText(c.req.raw, SDPFRAG_TYPE));
    if (condition.trim() === "*") return await restarted(peer, fragment);
    assertCurrent(peer, condition, fragment);
    peer.trickle(fragment);
    return new Response(null, { status: 204 });
  });

  endpoints.add({
    method: "delete",
    path: `${SESSION_PATH}{id}`,
    audience: EVERY_ROLE,
    newcomers: true,
    tag: "WebRTC",
    summary: "End the session",
    description: "For good: it cannot be resumed.",
    params,
    problems: ["not-found"],
  }, ({ principal, params }) => {
    sessionOf(services, params.id, principal).dismiss();
    return new Response(null, { status: 200 });
  });
}

const BODY_PROBLEMS: readonly ProblemKind[] = ["bad-request", "too-large", "unsupported-media-type"];

async function restarted(peer: HttpSession, fragment: SdpFragment): Promise<Response> {
  const { credentials } = fragment;
  if (!credentials) {
    throw new Problem("unprocessable", "a restart of ICE (If-Match: *) brings a=ice-ufrag and a=ice-pwd");
  }
  const { ufrag, pwd } = peer.credentials ?? {};
  if (credentials.ufrag === ufrag || credentials.pwd === pwd) {
    throw new Problem(
      "unprocessable",
      "a restart of ICE (If-Match: *) brings new credentials; these are in use",
    );
  }
  const answer = await peer.restart(fragment, credentials);
  return new Response(answer, { headers: { "content-type": SDPFRAG_TYPE, "etag": peer.etag } });
}

/** RFC 9110 section 13.1.1: any of the listed tags may be the one; weak ones never are. */
function assertCurrent(peer: HttpSession, condition: string, { credentials }: SdpFragment): void {
  const given = condition.split(",").map((one) => one.trim());
  if (!given.includes(peer.etag)) {
    throw new Problem(
      "precondition-failed",
      `If-Match is ${condition.slice(0, 80)}, the session's ETag is ${peer.etag}`,
    );
  }
  if (credentials && credentials.ufrag !== peer.credentials?.ufrag) {
    throw new Problem(
      "unprocessable",
      "the candidates are of other ICE credentials; a restart comes with If-Match: *",
    );
  }
}

function rtcOf({ rtcSignalling }: Services, principal: Principal): RtcSignalling {
  if (rtcSignalling) return rtcSignalling;
  if (principal === ANONYMOUS) throw unauthorized("a token is missing");
  throw new Problem("not-found", "this gateway has no WebRTC transport; its setting rtc.enabled is false");
}

function unauthorized(detail: string): Problem {
  return new Problem("unauthorized", detail, { headers: { "www-authenticate": 'Bearer realm="tidegate"' } });
}

function sessionOf(services: Services, id: string, principal: Principal): HttpSession {
  const peer = rtcOf(services, principal).sessions.find(
    id,
    principal === ANONYMOUS ? undefined : principal.tokenId,
  );
  if (peer) return peer;
  if (principal === ANONYMOUS) {
    throw unauthorized("a token is missing, or the session of a device without one is over");
  }
  throw new Problem("not-found", "there is no such session, or it is over, or it came with another token");
}

async function readText(request: Request, type: string): Promise<string> {
  const given = mediaType(request);
  if (given !== type) {
    throw new Problem(
      "unsupported-media-type",
      `the body must be ${type}, not ${JSON.stringify(given.slice(0, 80))}`,
    );
  }
  const bytes = await readBody(request, MAX_SDP_BYTES);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Problem("bad-request", "the body is not UTF-8");
  }
}

function assertAccepts(accept: string | undefined): void {
  if (accept === undefined) return;
  const ranges = accept.split(",").map((one) => one.trim().toLowerCase());
  const fits = (range: string) =>
    /^(?:application\/sdp|application\/\*|\*\/\*)(?=\s*(?:;|$))/.test(range) &&
    !/;\s*q=0(?:\.0*)?\s*$/.test(range);
  if (!ranges.some(fits)) {
    throw new Problem("not-acceptable", `the answer is ${SDP_TYPE}, which Accept leaves out`);
  }
}

/** RFC 9725 section 4.6. */
function iceLinks({ urls, username, credential }: NonNullable<Welcome["iceServers"]>[number]): string[] {
  const quoted = (text: string) => `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
  const login = username === undefined || credential === undefined
    ? ""
    : `; username=${quoted(username)}; credential=${quoted(credential)}; credential-type="password"`;
  return urls.map((url) => `<${url}>; rel="ice-server"${login}`);
}
