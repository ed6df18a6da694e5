/**
 * What is checked of a peer's session description and candidates before they reach the WebRTC implementation.
 *
 * @module
 */

import { isIP } from "node:net";
import type { IceCredentials } from "./sdpfrag.ts";

/** Longest candidate line, in characters; those of real ICE agents have about 150. */
const MAX_CANDIDATE = 512;

/** Bounds of an offer; a browser's has 20 lines, of which the fingerprint with 110 characters is about the longest. */
const MAX_LINES = 256;
const MAX_LINE = 1_024;

/** Most candidates that one peer may name in all: each is checked against every address of the machine. */
export const MAX_CANDIDATES = 64;

/** Whether a text is a session description at all. */
export function isDescription(sdp: string): boolean {
  return /^v=0\r?\n/.test(sdp);
}

/** What an offer lacks, in words for the peer; undefined when it can be answered. */
export function offerProblem(sdp: string): string | undefined {
  if (!isDescription(sdp)) return "the offer is not a session description (RFC 8866)";
  const excess = tooMuch(sdp);
  if (excess) return excess;
  if (!/^m=application \d+ (?:(?:UDP|TCP)\/)?DTLS\/SCTP \S/m.test(sdp)) {
    return "the offer has no application section: data channels are all that the gateway speaks";
  }
  if (/^m=(?:audio|video) [1-9]/m.test(sdp)) {
    return "the offer has audio or video: the gateway speaks data channels";
  }
  if (!/^a=fingerprint:sha-(?:256|384|512) [0-9a-f:]{64,}/im.test(sdp)) {
    return "the offer has no fingerprint of SHA-256 or better, so its peer could not be told from another";
  }
  if (!/^a=ice-ufrag:/m.test(sdp) || !/^a=ice-pwd:/m.test(sdp)) return "the offer has no ICE credentials";
  // RFC 8839 section 5.4
  if (!/^a=ice-ufrag:[\w+/-]{4,256}\r?$/m.test(sdp) || !/^a=ice-pwd:[\w+/=-]{22,256}\r?$/m.test(sdp)) {
    return "the offer's ICE credentials are not 4 to 256 and 22 to 256 characters (RFC 8839)";
  }
  return undefined;
}

/** What an offer has more of than anybody needs; werift would take it all in. */
function tooMuch(sdp: string): string | undefined {
  const lines = sdp.split("\n");
  if (lines.length > MAX_LINES) return `the offer has ${lines.length} lines, the limit is ${MAX_LINES}`;
  const longest = lines.reduce((most, line) => Math.max(most, line.length), 0);
  if (longest > MAX_LINE) return `the offer has a line of ${longest} characters, the limit is ${MAX_LINE}`;
  const candidates = lines.filter((line) => line.startsWith("a=candidate:")).length;
  if (candidates > MAX_CANDIDATES) {
    return `the offer has ${candidates} candidates, the limit is ${MAX_CANDIDATES}`;
  }
  const sections = lines.filter((line) => line.startsWith("m=application")).length;
  return sections > 1
    ? `the offer has ${sections} application sections, and one transport is enough`
    : undefined;
}

/** Largest message that the writer of a description takes, in bytes (RFC 8841 section 6); Infinity for any size. */
export function maxMessageBytes(sdp: string): number {
  const [, text] = /^a=max-message-size:(\d+)/m.exec(sdp) ?? [];
  return text === undefined ? DEFAULT_MAX_MESSAGE_BYTES : Number(text) || Infinity;
}

/** RFC 8841 section 6.1: what holds where the attribute is missing. */
const DEFAULT_MAX_MESSAGE_BYTES = 65_536;

/** The ICE credentials in a description with one transport; undefined where it has none. */
export function iceCredentials(sdp: string): IceCredentials | undefined {
  const [, ufrag] = /^a=ice-ufrag:(\S+)/m.exec(sdp) ?? [];
  const [, pwd] = /^a=ice-pwd:(\S+)/m.exec(sdp) ?? [];
  return ufrag === undefined || pwd === undefined ? undefined : { ufrag, pwd };
}

/** The `a=mid` of the application section. */
export function applicationMid(sdp: string): string {
  const [, section = ""] = sdp.split(/^m=application/m);
  return /^a=mid:(\S+)/m.exec(section)?.[1] ?? "0";
}

/**
 * Whether an offer restarts ICE on the peer connection that made the former one: the session is the same
 * (RFC 8866 section 5.2) and so is the certificate, the ICE credentials are new.
 */
export function restartsIce(former: string, offer: string): boolean {
  const session = (sdp: string) => /^o=(\S+ \S+) /m.exec(sdp)?.[1];
  const prints = (sdp: string) => [...sdp.matchAll(/^a=fingerprint:.*/gim)].join("\n").toLowerCase();
  const [before, after] = [iceCredentials(former), iceCredentials(offer)];
  return session(former) !== undefined && session(former) === session(offer) &&
    prints(former) === prints(offer) && before?.ufrag !== after?.ufrag && before?.pwd !== after?.pwd;
}

/**
 * The offer that a restart over HTTP stands for, where only the ICE credentials are sent: the former offer with
 * these, a version higher and without candidates.
 */
export function withIceCredentials(offer: string, { ufrag, pwd }: IceCredentials): string {
  return withoutCandidates(offer)
    .replaceAll(/^a=ice-ufrag:.*?(\r?)$/gm, `a=ice-ufrag:${ufrag}$1`)
    .replaceAll(/^a=ice-pwd:.*?(\r?)$/gm, `a=ice-pwd:${pwd}$1`)
    .replace(/^(o=\S+ \S+ )(\d+)/m, (_, head: string, version: string) => `${head}${BigInt(version) + 1n}`);
}

/** A description of ours with all of its candidates, for a peer to whom none can be sent later. */
export function withCandidates(sdp: string, candidates: readonly string[]): string {
  const lines = [...candidates.map((one) => `a=${one}`), "a=end-of-candidates", ""].join("\r\n");
  const [head = "", ...sections] = withoutCandidates(sdp).split(/^(?=m=)/m);
  return head +
    sections.map((one) => one.startsWith("m=application") ? one.replace(/(?:\r?\n)*$/, `\r\n${lines}`) : one)
      .join("");
}

function withoutCandidates(sdp: string): string {
  return sdp.replaceAll(/^a=(?:candidate:.*|end-of-candidates)\r?\n/gm, "");
}

/** A remote candidate as the implementation takes it. */
export interface RemoteCandidate {
  candidate: string;
  sdpMid?: string;
  sdpMLineIndex?: number;
}

/** A candidate that a browser hides behind a name of multicast DNS: what is before and behind the name. */
const HIDDEN = /^((?:a=)?candidate:\S+ \d+ \S+ \d+ )\S+\.local( )/i;

/**
 * Puts the address that the peer's connection comes from in place of hidden ones: without NAT between us it is the
 * one behind the name, and otherwise the browser's own checks tell us its address. No name is looked up: candidates
 * with any other name are left out.
 */
export function revealCandidates(sdp: string, address: string): string {
  return sdp.split(/(?<=\n)/).map((one) => one.replace(HIDDEN, `$1${address}$2`))
    .filter((one) => !one.startsWith("a=candidate:") || isIP(one.split(" ")[4] ?? "") !== 0)
    .join("");
}

/**
 * A candidate that nobody answers on. werift gives up at once when it has no candidate of the peer's by the time it
 * begins its checks, although the peer's may be on their way; with this one it waits.
 */
export function placeholderCandidate(address: string): RemoteCandidate {
  return { candidate: `candidate:0 1 udp 1 ${address} 9 typ host`, sdpMid: "0", sdpMLineIndex: 0 };
}

/**
 * Reads the `candidate` of a signalling message: the plain line, the browser's object, null or "" for the end.
 *
 * @param address Put in place of a name of multicast DNS, as in {@link revealCandidates}.
 * @returns undefined when it is none of these.
 */
export function readCandidate(value: unknown, address: string): RemoteCandidate | "end" | undefined {
  if (value === null || value === "") return "end";
  if (typeof value === "string") return line(value.replace(HIDDEN, `$1${address}$2`), "0", 0);
  if (typeof value !== "object" || !("candidate" in value)) return undefined;
  const { candidate, sdpMid, sdpMLineIndex } = value as Record<string, unknown>;
  if (candidate === "") return "end";
  if (typeof candidate !== "string") return undefined;
  return line(
    candidate.replace(HIDDEN, `$1${address}$2`),
    typeof sdpMid === "string" ? sdpMid : undefined,
    typeof sdpMLineIndex === "number" ? sdpMLineIndex : 0,
  );
}

function line(text: string, mid: string | undefined, index: number): RemoteCandidate | undefined {
  if (text.length > MAX_CANDIDATE) return undefined;
  const candidate = text.replace(/^a=/, "");
  if (!/^candidate:\S+ \d+ (?:udp|tcp) \d+ \S+ \d+ typ \S+/i.test(candidate)) return undefined;
  if (isIP(candidate.split(" ")[4]!) === 0) return undefined;
  return { candidate, sdpMLineIndex: index, ...(mid === undefined ? {} : { sdpMid: mid }) };
}

/**
 * The lines to tell the peer for one of our candidates: itself, and, for a host candidate, one for each address
 * that the machine is reached by from outside.
 */
export function candidateLines(candidate: string, advertise: readonly string[]): string[] {
  const fields = candidate.split(" ");
  if (fields[7] !== "host" || fields[2]?.toLowerCase() !== "udp") return [candidate];
  const family = (address: string) => address.includes(":");
  const others = advertise.filter((address) =>
    family(address) === family(fields[4]!) && address !== fields[4]
  );
  return [candidate, ...others.map((address) => fields.with(4, address).join(" "))];
}
