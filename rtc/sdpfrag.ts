/**
 * Fragments of session descriptions (RFC 8840 section 9), by which candidates trickle and ICE is restarted over HTTP.
 *
 * @module
 */
import { RtcRefusal } from "./refusal.ts";

/** Media type of a fragment. */
export const SDPFRAG_TYPE = "application/trickle-ice-sdpfrag";

/** Most candidates in one fragment; ICE agents find a handful. */
const MAX_CANDIDATES = 64;

/** RFC 8839 section 5.4: what user names and passwords of ICE are made of. */
const UFRAG = /^[A-Za-z0-9+/]{4,256}$/;
const PWD = /^[A-Za-z0-9+/]{22,256}$/;

/** The ICE credentials of one side. */
export interface IceCredentials {
  ufrag: string;
  pwd: string;
}

/** What a fragment says. */
export interface SdpFragment {
  /** Whose candidates these are; absent where the fragment names neither part. */
  credentials?: IceCredentials;
  /** Candidate lines without `a=`, with the `a=mid` of their section where there is one. */
  candidates: { candidate: string; sdpMid?: string }[];
  /** Whether `a=end-of-candidates` is there. */
  end: boolean;
}

/**
 * Reads a fragment. Attributes that it does not know are passed over.
 *
 * @throws {RtcRefusal} `malformed`, naming the line.
 */
export function parseSdpFragment(text: string): SdpFragment {
  const fragment: SdpFragment = { candidates: [], end: false };
  let mid: string | undefined;
  let ufrag: string | undefined;
  let pwd: string | undefined;
  const lines = text.split(/\r?\n/).filter((one) => one !== "");
  if (lines.length === 0) throw malformed("it is empty");
  for (const [at, line] of lines.entries()) {
    if (!/^[a-z]=/.test(line)) throw malformed(`line ${at + 1} is not an SDP line`);
    const [, name = "", value = ""] = /^a=([^:]+):?(.*)$/.exec(line) ?? [];
    if (line.startsWith("m=")) mid = undefined;
    else if (name === "mid") mid = value;
    else if (name === "ice-ufrag") ufrag = sameOrFirst(ufrag, value, UFRAG, at);
    else if (name === "ice-pwd") pwd = sameOrFirst(pwd, value, PWD, at);
    else if (name === "end-of-candidates") fragment.end = true;
    else if (name === "candidate") {
      if (fragment.candidates.length === MAX_CANDIDATES) {
        throw malformed(`it has more than ${MAX_CANDIDATES} candidates`);
      }
      fragment.candidates.push({ candidate: line.slice(2), ...(mid === undefined ? {} : { sdpMid: mid }) });
    }
  }
  if ((ufrag === undefined) !== (pwd === undefined)) {
    throw malformed("a=ice-ufrag and a=ice-pwd come together or not at all");
  }
  if (ufrag !== undefined && pwd !== undefined) fragment.credentials = { ufrag, pwd };
  return fragment;
}

/** There is one ICE session: sections that name credentials name the same ones. */
function sameOrFirst(former: string | undefined, value: string, form: RegExp, at: number): string {
  if (!form.test(value)) {
    throw malformed(`line ${at + 1} is not made of ICE characters, or too short or long`);
  }
  if (former === undefined || former === value) return value;
  throw malformed(`line ${at + 1} names other ICE credentials than a line before`);
}

function malformed(why: string): RtcRefusal {
  return new RtcRefusal("malformed", `the SDP fragment (RFC 8840) cannot be read: ${why}`);
}

/**
 * Writes the fragment that answers an ICE restart.
 *
 * @param mid The `a=mid` of the application section.
 * @param candidates Lines without `a=`.
 */
export function formatSdpFragment(
  { ufrag, pwd }: IceCredentials,
  mid: string,
  candidates: readonly string[],
): string {
  return [
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    `a=mid:${mid}`,
    ...candidates.map((one) => `a=${one}`),
    "a=end-of-candidates",
    "",
  ].join("\r\n");
}
