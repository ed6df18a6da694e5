/**
 * Sessions and why they are on their transports, as `doctor ice` and `sessions show` print them.
 *
 * @module
 */
import type { ApiClient } from "../connect.ts";
import { call, pathOf } from "../api.ts";
import { moment } from "../table.ts";

/** What `/v1/transports` says of a session, as far as it is printed. */
export interface SessionTransport {
  session: string;
  role: string;
  name: string;
  remote: string;
  transport: string;
  since: string;
  cause: string;
  why: string;
  advice: string[];
  roundTripMs: number | null;
  sent: number | null;
  lost: number | null;
  webrtc: Negotiation | null;
}

interface Candidate {
  type: string;
  protocol: string;
  address: string;
  port: number;
}

interface Pair {
  local: Candidate;
  remote: Candidate;
  state: string;
  heard: boolean;
}

interface Negotiation {
  stage: string;
  offers: number;
  cause: string | null;
  retryAt: string | null;
  local: Candidate[];
  remote: Candidate[];
  pairs: Pair[];
  selected: Pair | null;
}

/** Of one session, or of all that are open. */
export async function sessionTransports(api: ApiClient, session?: string): Promise<SessionTransport[]> {
  if (session !== undefined) {
    return [await call<SessionTransport>(api, pathOf(["v1", "sessions", session, "transport"]))];
  }
  return (await call<{ transports: SessionTransport[] }>(api, "/v1/transports")).transports;
}

/** A session in some lines; `detailed` adds candidates and pairs. */
export function transportLines(one: SessionTransport, detailed: boolean): string[] {
  const lines = [
    `${one.session}  ${one.role} ${one.name} from ${one.remote}, on ${one.transport} since ${
      moment(one.since)
    }`,
  ];
  lines.push(`      ${one.why}`);
  for (const advice of one.advice) lines.push(`      → ${advice}`);
  if (detailed) lines.push(...factLines(one).map((line) => `      ${line}`));
  return lines;
}

/** Round trip, losses, candidates and pairs, a line each. */
export function factLines({ roundTripMs, sent, lost, webrtc, cause }: SessionTransport): string[] {
  const lines = [`last move: ${cause}`];
  if (roundTripMs !== null) lines.push(`round trip: ${roundTripMs.toFixed(1)} ms`);
  if (sent !== null && lost !== null && sent > 0) {
    lines.push(`not confirmed in time: ${lost} of ${sent} messages (${(100 * lost / sent).toFixed(1)} %)`);
  }
  if (!webrtc) return lines;
  const { offers, stage, retryAt, local, remote, pairs, selected } = webrtc;
  lines.push(`offers: ${offers}, now ${stage}${webrtc.cause === null ? "" : `: ${webrtc.cause}`}`);
  if (retryAt !== null) lines.push(`the client tries again at ${moment(retryAt)}`);
  lines.push(`gateway's candidates: ${local.map(words).join(", ") || "none"}`);
  lines.push(`client's candidates: ${remote.map(words).join(", ") || "none"}`);
  if (selected) lines.push(`selected pair: ${words(selected.local)} – ${words(selected.remote)}`);
  for (const pair of pairs) {
    lines.push(
      `tried: ${words(pair.local)} – ${words(pair.remote)}: ${pair.state}${pair.heard ? ", heard from" : ""}`,
    );
  }
  return lines;
}

function words({ type, protocol, address, port }: Candidate): string {
  return `${type} ${protocol} ${address.includes(":") ? `[${address}]` : address}:${port}`;
}
