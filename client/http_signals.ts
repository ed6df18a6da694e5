/**
 * The requests by which a session over WebRTC alone is set up, finds another path, and ends (RFC 9725).
 *
 * @module
 */
import type { Fetch } from "./environment.ts";
import type { IceServers } from "./rtc_types.ts";
import { type IceCredentials, readFragment } from "./sdp.ts";

const SDP = "application/sdp";
const FRAGMENT = "application/trickle-ice-sdpfrag";

/** The gateway said no. */
export class SignalRefused extends Error {
  override readonly name = "SignalRefused";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Signals one session. */
export class HttpSignals {
  readonly #fetch: Fetch;
  readonly #url: string;
  readonly #headers: Record<string, string>;
  #session: string | undefined;
  #etag = "";

  /** @param url Of the endpoint that takes offers. */
  constructor(fetch: Fetch, url: string, token: string | undefined) {
    this.#fetch = fetch;
    this.#url = url;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** @throws {SignalRefused} or what `fetch` throws. */
  async offer(sdp: string): Promise<{ answer: string; iceServers: IceServers }> {
    const response = await this.#request("POST", this.#url, sdp, { "content-type": SDP, accept: SDP });
    this.#session = new URL(response.headers.get("location") ?? "", this.#url).href;
    this.#etag = response.headers.get("etag") ?? "";
    return { answer: await response.text(), iceServers: iceServersOf(response.headers.get("link") ?? "") };
  }

  /** Tells the gateway of candidates. */
  async trickle(fragment: string): Promise<void> {
    await this.#patch(fragment, this.#etag);
  }

  /** Asks for another path; returns what the gateway's candidates have become. */
  async restart(fragment: string): Promise<{ credentials: IceCredentials; candidates: string[] }> {
    const response = await this.#patch(fragment, "*");
    this.#etag = response.headers.get("etag") ?? "";
    return readFragment(await response.text());
  }

  /** Ends the session, where there is one; fulfils when the gateway knows, or cannot be told. */
  async end(): Promise<void> {
    if (this.#session === undefined) return;
    const { href } = new URL(this.#session);
    this.#session = undefined;
    await this.#fetch(href, { method: "DELETE", headers: this.#headers, keepalive: true }).catch(() => {});
  }

  #patch(body: string, condition: string): Promise<Response> {
    if (this.#session === undefined) return Promise.reject(new SignalRefused(404, "there is no session"));
    return this.#request("PATCH", this.#session, body, { "content-type": FRAGMENT, "if-match": condition });
  }

  async #request(
    method: string,
    url: string,
    body: string,
    headers: Record<string, string>,
  ): Promise<Response> {
    const response = await this.#fetch(url, { method, body, headers: { ...this.#headers, ...headers } });
    if (response.ok) return response;
    const text = await response.text().catch(() => "");
    throw new SignalRefused(response.status, detailOf(text) ?? `HTTP status ${response.status}`);
  }
}

/** What a problem document (RFC 9457) says. */
function detailOf(text: string): string | undefined {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return typeof detail === "string" ? detail : undefined;
  } catch {
    return undefined;
  }
}

/** One `<url>; rel="ice-server"; …` of a Link header (RFC 8288); a quoted text may hold commas. */
const LINK = /<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))*)/g;
const PARAMETER = /;\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+))/g;

/** The STUN and TURN servers that a Link header names (RFC 9725 section 4.6). */
export function iceServersOf(header: string): IceServers {
  const servers: IceServers = [];
  for (const [, url = "", text = ""] of header.matchAll(LINK)) {
    const parameters: Record<string, string> = {};
    for (const [, name = "", quoted, plain] of text.matchAll(PARAMETER)) {
      parameters[name.toLowerCase()] = quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "";
    }
    if (parameters["rel"] !== "ice-server") continue;
    const { username, credential } = parameters;
    servers.push({
      urls: [url],
      ...(username === undefined || credential === undefined ? {} : { username, credential }),
    });
  }
  return servers;
}
