/**
 * Reads off a werift peer connection which candidates and pairs it has.
 *
 * @module
 */
import type { RTCPeerConnection } from "werift";
import type { CandidateFacts, LaneFacts, PairFacts } from "../transport/way.ts";

/** Candidates, pairs and the selected pair. */
export type PathFacts = Pick<LaneFacts, "local" | "remote" | "pairs" | "selected">;

/** Nothing is known. */
export const NO_PATH: PathFacts = { local: [], remote: [], pairs: [] };

interface IceCandidate {
  type: string;
  transport: string;
  host: string;
  port: number;
}

/** RFC 8445's states of a pair, as werift numbers them: frozen, waiting, in progress, succeeded, failed. */
const STATES = ["waiting", "waiting", "checking", "answered", "failed"] as const;

/** Port of the placeholder that waits for the peer's candidates (discard, RFC 863): no candidate of its own. */
const PLACEHOLDER_PORT = 9;

/** What a connection knows of its paths. `pairs` are those that were tried. */
export function pathFacts(connection: RTCPeerConnection): PathFacts {
  const ice = connection.iceTransports[0]?.connection;
  if (!ice) return NO_PATH;
  const { nominated } = ice;
  const pairs = ice.candidatePairs.filter(({ remoteCandidate }) => isReal(remoteCandidate));
  return {
    local: ice.localCandidates.map(factsOf),
    remote: ice.remoteCandidates.filter(isReal).map(factsOf),
    pairs: pairs.map(pairFacts),
    ...(nominated ? { selected: pairFacts(nominated) } : {}),
  };
}

/** `host udp 192.0.2.1:4000`, for a session's record. */
export function candidateWords({ type, protocol, address, port }: CandidateFacts): string {
  return `${type} ${protocol} ${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** `host udp 192.0.2.1:4000 – host udp 192.0.2.9:5000`. */
export function pairWords({ local, remote }: PairFacts): string {
  return `${candidateWords(local)} – ${candidateWords(remote)}`;
}

function isReal({ port }: IceCandidate): boolean {
  return port !== PLACEHOLDER_PORT;
}

function factsOf({ type, transport, host, port }: IceCandidate): CandidateFacts {
  return { type, protocol: transport.toLowerCase(), address: host, port };
}

function pairFacts(
  { localCandidate, remoteCandidate, state, requestsReceived }: {
    localCandidate: IceCandidate;
    remoteCandidate: IceCandidate;
    state: number;
    requestsReceived: number;
  },
): PairFacts {
  return {
    local: factsOf(localCandidate),
    remote: factsOf(remoteCandidate),
    state: STATES[state] ?? "waiting",
    heard: requestsReceived > 0,
  };
}

/** The paths in a few words each, for a session's record. */
export function pathWords({ selected, local, remote, pairs }: PathFacts): Record<string, unknown> {
  return {
    ...(selected ? { pair: pairWords(selected) } : {}),
    local: local.map(candidateWords),
    remote: remote.map(candidateWords),
    tried: pairs.map((pair) => `${pairWords(pair)}: ${pair.state}${pair.heard ? ", heard" : ""}`),
  };
}
