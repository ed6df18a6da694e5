/**
 * The little that signalling over HTTP has to know of session descriptions: ICE credentials and candidates
 * (RFC 8839, RFC 8840).
 *
 * @module
 */

/** ICE credentials of one side. */
export interface IceCredentials {
  ufrag: string;
  pwd: string;
}

/** The credentials in a description or fragment; empty where it has none. */
export function credentialsOf(sdp: string): IceCredentials {
  const [, ufrag = ""] = /^a=ice-ufrag:(\S+)/m.exec(sdp) ?? [];
  const [, pwd = ""] = /^a=ice-pwd:(\S+)/m.exec(sdp) ?? [];
  return { ufrag, pwd };
}

/** A fragment that tells of candidates; `description` is the one that they belong to. */
export function writeFragment(description: string, candidates: readonly string[], end: boolean): string {
  const { ufrag, pwd } = credentialsOf(description);
  const [, mid = "0"] = /^a=mid:(\S+)/m.exec(description) ?? [];
  return [
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    `a=mid:${mid}`,
    ...candidates.map((one) => `a=${one}`),
    ...(end ? ["a=end-of-candidates"] : []),
    "",
  ].join("\r\n");
}

/** What a fragment of the gateway's says. */
export function readFragment(text: string): { credentials: IceCredentials; candidates: string[] } {
  const candidates = text.split(/\r?\n/).filter((line) => line.startsWith("a=candidate:"));
  return { credentials: credentialsOf(text), candidates: candidates.map((line) => line.slice(2)) };
}

/** The answer after a restart of ICE: the former one with the gateway's new credentials and candidates. */
export function renewedAnswer(
  answer: string,
  { ufrag, pwd }: IceCredentials,
  candidates: readonly string[],
): string {
  const bare = answer.replaceAll(/^a=(?:candidate:.*|end-of-candidates)\r?\n/gm, "")
    .replaceAll(/^a=ice-ufrag:\S+/gm, `a=ice-ufrag:${ufrag}`)
    .replaceAll(/^a=ice-pwd:\S+/gm, `a=ice-pwd:${pwd}`);
  return bare.replace(/(?:\r?\n)*$/, "\r\n") + candidates.map((one) => `a=${one}\r\n`).join("");
}
