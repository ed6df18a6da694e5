/**
 * Errors as RFC 9457 problem documents.
 *
 * @module
 */
import { AccessError } from "../access/errors.ts";
import { WriteRefused } from "../hub/writing.ts";
import { RtcRefusal } from "../rtc/refusal.ts";

/** Kinds of problem: status and title. `type` of a document points to the kind on the /docs page. */
export const PROBLEMS = {
  "bad-request": { status: 400, title: "The request is not valid" },
  "unauthorized": { status: 401, title: "A valid token is needed" },
  "forbidden": { status: 403, title: "The token does not allow this" },
  "foreign-origin": { status: 403, title: "The page that sent this is not allowed to" },
  "not-found": { status: 404, title: "There is no such thing" },
  "method-not-allowed": { status: 405, title: "The method does not apply here" },
  "not-acceptable": { status: 406, title: "The answer has none of the types that are accepted" },
  "conflict": { status: 409, title: "This does not fit the present state" },
  "precondition-failed": { status: 412, title: "The state has changed since" },
  "too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body has the wrong type" },
  "unencodable": { status: 422, title: "The value does not fit the topic's encoding" },
  "unprocessable": { status: 422, title: "The body can be read, but nothing be made of it" },
  "upgrade-required": { status: 426, title: "This is a WebSocket endpoint" },
  "precondition-required": { status: 428, title: "The request must say which state it means" },
  "too-many": { status: 429, title: "Too many of these at a time" },
  "rate-limited": { status: 429, title: "Too many wrong tokens" },
  "internal": { status: 500, title: "A fault of the gateway's own" },
  "unavailable": { status: 503, title: "The gateway cannot do this now" },
} as const;

/** Name of a kind of problem. */
export type ProblemKind = keyof typeof PROBLEMS;

/** What is wrong with one value of the request. */
export interface FieldError {
  /** The value: `#/name` in the body (RFC 6901), a query parameter or a part of the path. */
  pointer?: string;
  parameter?: string;
  detail: string;
}

/** Thrown by handlers, answered as a problem document. */
export class Problem extends Error {
  override readonly name = "Problem";

  /**
   * @param kind Entry of {@link PROBLEMS}.
   * @param detail What happened in this case, with the actual value and the limit.
   * @param more Wrong values one by one, and headers that belong to the answer.
   */
  constructor(
    readonly kind: ProblemKind,
    detail: string,
    readonly more: { errors?: FieldError[]; headers?: Record<string, string> } = {},
  ) {
    super(detail);
  }
}

/** The answer to a problem; `instance` is the request's path. */
export function problemResponse(problem: Problem, instance: string): Response {
  const { status, title } = PROBLEMS[problem.kind];
  const { errors, headers } = problem.more;
  const document = {
    type: `/docs#problem-${problem.kind}`,
    title,
    status,
    detail: problem.message,
    instance,
    ...(errors ? { errors } : {}),
  };
  return new Response(JSON.stringify(document), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

/** What a thrown error is to the caller; undefined for a fault of our own. */
export function asProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof AccessError) return accessProblem(error);
  if (error instanceof WriteRefused) return writeProblem(error);
  if (error instanceof RtcRefusal) return rtcProblem(error);
  return undefined;
}

function accessProblem({ problem, message, field }: AccessError): Problem {
  const errors = field === undefined ? {} : { errors: [{ pointer: `#/${field}`, detail: message }] };
  switch (problem) {
    case "invalid":
      return new Problem("bad-request", message, errors);
    case "not_found":
      return new Problem("not-found", message);
    case "conflict":
    case "limit":
      return new Problem("conflict", message, errors);
  }
}

function writeProblem({ code, message }: WriteRefused): Problem {
  switch (code) {
    case "forbidden":
      return new Problem("forbidden", message);
    case "unknown_topic":
      return new Problem("not-found", message);
    case "not_writable":
      return new Problem("conflict", message);
    case "too_large":
      return new Problem("too-large", message);
    case "bad_payload":
      return new Problem("unencodable", message);
    case "overloaded":
      return new Problem("unavailable", message, { headers: { "retry-after": "1" } });
  }
}

/** How long a client should wait for another's negotiation to end, in seconds. */
const NEGOTIATION_S = 5;

/** How long a client should wait for another's session to end, in seconds. */
const SESSION_S = 60;

function rtcProblem({ kind, message }: RtcRefusal): Problem {
  switch (kind) {
    case "malformed":
      return new Problem("bad-request", message);
    case "unprocessable":
      return new Problem("unprocessable", message);
    case "conflict":
      return new Problem("conflict", message);
    case "address_limit":
      return new Problem("too-many", message, { headers: { "retry-after": String(NEGOTIATION_S) } });
    case "peer_limit":
      return new Problem("unavailable", message, { headers: { "retry-after": String(SESSION_S) } });
  }
}
