/**
 * The negotiations of all sessions: limits, deadlines, and the one sweep that finds dead peers.
 *
 * The client offers and the gateway answers, never the other way round, so that two offers cannot cross. Each
 * offer begins a peer of its own and ends the former one: a client whose path has changed offers again while the
 * WebSocket carries its stream.
 *
 * @module
 */
import type { SignallingMessage, Welcome } from "../protocol/control.ts";
import type { Counters } from "../hub/counters.ts";
import type { LaneNegotiation, LaneSession } from "../transport/lane.ts";
import type { LaneFacts } from "../transport/way.ts";
import { offerProblem, placeholderCandidate, readCandidate, revealCandidates } from "./description.ts";
import { candidateWords, NO_PATH, pairWords, type PathFacts } from "./facts.ts";
import { iceServersFor } from "./ice_servers.ts";
import { Peer } from "./peer.ts";
import type { RtcSettings } from "./settings.ts";

/** How often peers are looked at, in milliseconds. */
const SWEEP_EVERY_MS = 1_000;

/** What the lanes need beside their settings. */
export interface LanesParts {
  settings: RtcSettings;
  counters: Counters;
  /** Says what went wrong on our side. */
  fault(where: string, error: unknown): void;
}

/** Address without its port. */
function hostOf(remote: string): string {
  return remote.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

/** Sets up the state lanes of a gateway. */
export class Lanes {
  readonly #parts: LanesParts;
  readonly #live = new Set<Negotiation>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(parts: LanesParts) {
    this.#parts = parts;
  }

  /** Peers at this moment, those that are still being negotiated included. */
  get size(): number {
    return this.#live.size;
  }

  /** The servers to name in a `welcome`; an empty list says that the gateway has WebRTC and no servers. */
  iceServers(peer: string): Welcome["iceServers"] {
    return iceServersFor(this.#parts.settings, peer);
  }

  /** Starts the negotiation of a session. */
  negotiate(session: LaneSession): LaneNegotiation {
    return new Negotiation(session, this.#parts, {
      admit: (one) => this.#admit(one),
      started: (one) => this.#started(one),
      ended: (one) => this.#ended(one),
    });
  }

  /** Ends all peers. */
  stop(): void {
    for (const one of [...this.#live]) one.close();
  }

  /** Why another peer cannot be taken now, or undefined. */
  #admit(negotiation: Negotiation): string | undefined {
    const { maxPeers, maxPendingPerAddress } = this.#parts.settings;
    if (this.#live.size >= maxPeers) return `the gateway has its limit of ${maxPeers} WebRTC peers`;
    let pending = 0;
    for (const one of this.#live) if (one.pending && one.host === negotiation.host) pending++;
    if (pending < maxPendingPerAddress) return undefined;
    return `${pending} negotiations with ${negotiation.host} are unfinished, the limit is ${maxPendingPerAddress}`;
  }

  #started(negotiation: Negotiation): void {
    this.#live.add(negotiation);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
  }

  #ended(negotiation: Negotiation): void {
    this.#live.delete(negotiation);
    if (this.#live.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const one of [...this.#live]) one.sweep(nowMs);
  }
}

interface NegotiationOwner {
  admit(negotiation: Negotiation): string | undefined;
  started(negotiation: Negotiation): void;
  ended(negotiation: Negotiation): void;
}

/** One session's peer, or none. */
class Negotiation implements LaneNegotiation {
  readonly host: string;
  #peer: Peer | undefined;
  #startedMs = 0;
  #state: Omit<LaneFacts, "offers" | keyof PathFacts> | undefined;
  #offers = 0;
  /** What was known of the paths of the last peer when it ended. */
  #lastPath: PathFacts = NO_PATH;

  constructor(
    readonly session: LaneSession,
    readonly parts: LanesParts,
    readonly owner: NegotiationOwner,
  ) {
    this.host = hostOf(session.remote);
  }

  /** Whether there is a peer without an open lane. */
  get pending(): boolean {
    return this.#peer !== undefined && this.#peer.lane === undefined;
  }

  message(message: SignallingMessage): void {
    switch (message.type) {
      case "offer":
        return this.#offer(message.sdp);
      case "candidate":
        return this.#candidate(message.candidate);
      case "answer":
        return this.#reject("the gateway makes no offers, so there is nothing to answer");
      case "reject":
        return this.#gaveUp(message.reason, message.retryInMs);
      default:
        message satisfies never;
    }
  }

  facts(): LaneFacts | undefined {
    if (!this.#state) return undefined;
    return { ...this.#state, offers: this.#offers, ...(this.#peer?.path ?? this.#lastPath) };
  }

  close(): void {
    this.#peer?.close("the session is over");
  }

  sweep(nowMs: number): void {
    const peer = this.#peer;
    if (!peer) return;
    const { negotiateWithinMs, silentAfterMs } = this.parts.settings;
    const heardMs = peer.heardMs;
    if (heardMs === undefined) {
      if (nowMs - this.#startedMs < negotiateWithinMs) return;
      this.#reject(`no path was found within ${negotiateWithinMs / 1_000} s; is UDP blocked?`);
      peer.close(`no path was found within ${negotiateWithinMs / 1_000} s`);
    } else if (nowMs - heardMs >= silentAfterMs) {
      peer.close(`nothing was heard for ${Math.round((nowMs - heardMs) / 1_000)} s`);
    }
  }

  #gaveUp(reason: string, retryInMs: number | undefined): void {
    this.#peer?.close(`the peer gave up: ${reason}`);
    if (this.#state && retryInMs !== undefined) this.#state.retryAtMs = Date.now() + retryInMs;
  }

  #offer(sdp: string): void {
    this.#peer?.close("the peer made a new offer");
    this.#offers++;
    const problem = offerProblem(sdp) ?? this.owner.admit(this);
    if (problem) {
      this.#lastPath = NO_PATH;
      this.#state = { stage: "over", sinceMs: Date.now(), cause: problem, rejected: true };
      this.session.event("webrtc_rejected", { reason: problem });
      return this.#reject(problem);
    }
    const { settings, counters } = this.parts;
    const peer: Peer = new Peer(settings, iceServersFor(settings, "gateway"), {
      answer: (answer) => this.session.send({ type: "answer", sdp: answer }),
      candidate: (candidate) => this.session.send({ type: "candidate", candidate }),
      opened: (lane) => {
        counters.add("webrtc_lanes", "opened");
        this.#state = { stage: "open", sinceMs: Date.now(), rejected: false };
        this.session.event("webrtc_open", {
          ...pathWords(peer.path),
          afterMs: Math.round(performance.now() - this.#startedMs),
        });
        lane.listen(this.session.opened(lane));
      },
      closed: (cause) => {
        const { lane } = peer;
        counters.add("webrtc_lanes", lane ? "closed" : "failed");
        this.session.event("webrtc_closed", { cause, ...(lane ? {} : pathWords(peer.path)) });
        if (this.#peer !== peer) return;
        this.#peer = undefined;
        this.#lastPath = peer.path;
        this.#state = { stage: "over", sinceMs: Date.now(), cause, rejected: false };
        this.owner.ended(this);
      },
    });
    this.#peer = peer;
    this.#startedMs = performance.now();
    this.#state = { stage: "negotiating", sinceMs: Date.now(), rejected: false };
    this.owner.started(this);
    peer.candidate(placeholderCandidate(this.host));
    void peer.start(revealCandidates(sdp, this.host));
  }

  #candidate(value: unknown): void {
    const candidate = readCandidate(value, this.host);
    if (candidate === undefined) this.parts.counters.add("webrtc_refused", "bad_candidate");
    else this.#peer?.candidate(candidate);
  }

  #reject(reason: string): void {
    this.parts.counters.add("webrtc_refused", "rejected");
    this.session.send({ type: "reject", reason });
  }
}

/** The paths in a few words each, for a session's record. */
function pathWords({ selected, local, remote, pairs }: PathFacts): Record<string, unknown> {
  return {
    ...(selected ? { pair: pairWords(selected) } : {}),
    local: local.map(candidateWords),
    remote: remote.map(candidateWords),
    tried: pairs.map((pair) => `${pairWords(pair)}: ${pair.state}${pair.heard ? ", heard" : ""}`),
  };
}
