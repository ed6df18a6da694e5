/**
 * Decides who a request comes from: reads its credentials, checks the token and the page that sent it, limits
 * wrong attempts. HTTP and WebSocket handshakes go through the same gate.
 *
 * @module
 */
import type { Principal } from "../hub/access.ts";
import { FailedAttempts } from "./attempts.ts";
import { type Credentials, credentialsOf } from "./credentials.ts";
import { checkOrigin, type OriginCheck } from "./origin.ts";
import type { TokenService } from "./tokens.ts";

/** Why a request was not let in, for counters and logs. */
const REFUSALS = [
  "missing",
  "malformed",
  "unknown",
  "expired",
  "revoked",
  "user_mismatch",
  "origin",
  "rate_limited",
] as const;

/** Why a request was not let in. */
export type Refusal = typeof REFUSALS[number];

/** How a principal proved itself. */
export type Via = "bearer" | "basic" | "subprotocol" | "cookie";

/** A request that is let in. */
export interface Admitted {
  ok: true;
  principal: Principal;
  via: Via;
}

/** A request that is not. */
export interface Refused {
  ok: false;
  /** 401: come with a valid token; 403: not from this page; 429: too many wrong tokens. */
  status: 401 | 403 | 429;
  reason: Refusal;
  /** For the peer: what to do, without telling an unknown token from a revoked one. */
  message: string;
  /** With 429: seconds to wait. */
  retryAfterS?: number;
}

/** What came of a request. */
export type Admission = Admitted | Refused;

/** What the gate looks at. */
export interface GateRequest {
  method: string;
  headers: Headers;
  /** The request's URL, for HTTP/2, which has no Host header; a WebSocket handshake of HTTP/1.1 has one. */
  url?: string;
  /** Peer as `address:port`. */
  remote: string;
  /** Whether it is a WebSocket handshake. */
  upgrade: boolean;
}

/** Options of {@link Gate}. */
export interface GateOptions {
  tokens: TokenService;
  /** Origins other than the gateway's own whose pages may use it. */
  allowedOrigins?: readonly string[];
  /** Clock in milliseconds since 1970; default `Date.now`. */
  now?: () => number;
}

const BAD_TOKEN = "the token is unknown, expired or revoked; create one with `tidegate token create`";
/** What a page of another origin is told. */
export const FOREIGN = "this page's origin is not allowed; start the gateway with it in --allowed-origins";
const NO_ORIGIN = "a request with the login cookie must say its origin; programs use a Bearer token instead";

/** Lets requests in. */
export class Gate {
  /** Requests refused, by reason. */
  readonly refused: Record<Refusal, number> = Object.fromEntries(
    REFUSALS.map((reason) => [reason, 0]),
  ) as Record<
    Refusal,
    number
  >;
  readonly #tokens: TokenService;
  readonly #attempts: FailedAttempts;
  readonly #allowed: ReadonlySet<string>;

  constructor(options: GateOptions) {
    this.#tokens = options.tokens;
    this.#attempts = new FailedAttempts(options.now);
    this.#allowed = new Set(options.allowedOrigins ?? []);
  }

  /** Whether the page behind this request is one of ours. */
  origin({ headers, url }: Pick<GateRequest, "headers" | "url">): OriginCheck {
    return checkOrigin(headers, this.#allowed, url);
  }

  /** Decides on a request. */
  admit(request: GateRequest): Admission {
    const credentials = credentialsOf(request.headers);
    const origin = this.#originProblem(request, credentials);
    if (origin !== undefined) return this.#refuse(403, "origin", origin);
    switch (credentials.via) {
      case "none":
        return this.#refuse(401, "missing", "a token is needed: `Authorization: Bearer tg_…`, or log in");
      case "malformed":
        return this.#wrong(request.remote, "malformed", credentials.problem);
      default:
        return this.#check(credentials, request.remote);
    }
  }

  /** Checks a token that came in some other way, such as the login form's; wrong ones count as attempts. */
  admitToken(token: string, remote: string): Admission {
    return this.#check({ via: "bearer", token }, remote);
  }

  #check(credentials: Extract<Credentials, { token: string }>, remote: string): Admission {
    // A right token passes whatever others behind the same address do: 256 random bits are not found by
    // trying, so the limit is there to keep noise and load down, not to guard the token.
    const check = this.#tokens.check(credentials.token);
    if (!check.ok) return this.#wrong(remote, check.reason, BAD_TOKEN);
    const { principal } = check;
    if (credentials.via === "basic" && credentials.user !== principal.device) {
      return this.#wrong(remote, "user_mismatch", "the user of Basic credentials must be the token's device");
    }
    return { ok: true, principal, via: credentials.via };
  }

  #originProblem(request: GateRequest, credentials: Credentials): string | undefined {
    const changes = !["GET", "HEAD", "OPTIONS"].includes(request.method);
    if (!request.upgrade && !(changes && credentials.via === "cookie")) return undefined;
    const origin = this.origin(request);
    if (origin === "foreign") return FOREIGN;
    return origin === "none" && credentials.via === "cookie" ? NO_ORIGIN : undefined;
  }

  #wrong(remote: string, reason: Refusal, message: string): Refused {
    const waitMs = this.#attempts.failed(remote);
    if (waitMs === 0) return this.#refuse(401, reason, message);
    const retryAfterS = Math.ceil(waitMs / 1000);
    const refused = this.#refuse(
      429,
      "rate_limited",
      `too many wrong tokens from this address; wait ${retryAfterS} s`,
    );
    return { ...refused, retryAfterS };
  }

  #refuse(status: Refused["status"], reason: Refusal, message: string): Refused {
    this.refused[reason]++;
    return { ok: false, status, reason, message };
  }
}
