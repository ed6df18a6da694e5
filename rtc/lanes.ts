/**
 * The negotiation of state lanes beside WebSockets.
 *
 * The client offers and the gateway answers, never the other way round, so that two offers cannot cross. An offer
 * begins a peer of its own and ends the former one, unless it restarts ICE on that one; either way the WebSocket
 * carries the stream meanwhile.
 *
 * @module
 */
import type { SignallingMessage, Welcome } from "../protocol/control.ts";
import type { Counters } from "../hub/counters.ts";
import type { LaneNegotiation, LaneSession } from "../transport/lane.ts";
import type { LaneFacts } from "../transport/way.ts";
import { offerProblem, readCandidate, restartsIce, revealCandidates } from "./description.ts";
import { NO_PATH, type PathFacts, pathWords } from "./facts.ts";
import { iceServersFor } from "./ice_servers.ts";
import { DataChannelLane, isStateChannel } from "./lane.ts";
import { isWebRtcLoaded, loadWebRtc } from "./library.ts";
import { Peer } from "./peer.ts";
import { hostOf, type Member, type Population } from "./population.ts";
import { RtcRefusal, type RtcRefusalKind } from "./refusal.ts";
import type { RtcSettings } from "./settings.ts";

/** What the lanes need beside their settings. */
export interface LanesParts {
  settings: RtcSettings;
  counters: Counters;
  /** All peers of the gateway. */
  population: Population;
}

/** Sets up the state lanes of a gateway. */
export class Lanes {
  readonly #parts: LanesParts;

  constructor(parts: LanesParts) {
    this.#parts = parts;
  }

  /** The servers to name in a `welcome`; an empty list says that the gateway has WebRTC and no servers. */
  iceServers(peer: string): Welcome["iceServers"] {
    return iceServersFor(this.#parts.settings, peer);
  }

  /** Starts the negotiation of a session. */
  negotiate(session: LaneSession): LaneNegotiation {
    return new Negotiation(session, this.#parts);
  }
}

/** A peer with what belongs to it. */
interface Live {
  peer: Peer;
  /** The offer that made it, or the last one that restarted it. */
  offer: string;
  lane: DataChannelLane | undefined;
  startedMs: number;
}

/** One session's peer, or none. */
class Negotiation implements LaneNegotiation, Member {
  readonly host: string;
  #live: Live | undefined;
  #state: Omit<LaneFacts, "offers" | keyof PathFacts> | undefined;
  #offers = 0;
  /** What was known of the paths of the last peer when it ended. */
  #lastPath: PathFacts = NO_PATH;
  #over = false;

  constructor(readonly session: LaneSession, readonly parts: LanesParts) {
    this.host = hostOf(session.remote);
  }

  get pending(): boolean {
    return this.#live !== undefined && this.#live.lane === undefined;
  }

  /** Takes a message of the peer's. Those that come while the library loads wait for it, and keep their order. */
  message(message: SignallingMessage): void {
    if (isWebRtcLoaded()) return this.#message(message);
    void loadWebRtc().then(() => this.#over || this.#message(message));
  }

  #message(message: SignallingMessage): void {
    switch (message.type) {
      case "offer":
        return this.#offer(message.sdp);
      case "candidate":
        return this.#candidate(message.candidate);
      case "answer":
        return this.#reject("unprocessable", "the gateway makes no offers, so there is nothing to answer");
      case "reject":
        return this.#gaveUp(message.reason, message.retryInMs);
      default:
        message satisfies never;
    }
  }

  facts(): LaneFacts | undefined {
    if (!this.#state) return undefined;
    return { ...this.#state, offers: this.#offers, ...(this.#live?.peer.path ?? this.#lastPath) };
  }

  close(): void {
    this.#over = true;
    this.#live?.peer.close("the session is over");
  }

  sweep(nowMs: number): void {
    if (!this.#live) return;
    const { peer, lane, startedMs } = this.#live;
    const { negotiateWithinMs, silentAfterMs } = this.parts.settings;
    if (lane === undefined) {
      if (nowMs - startedMs < negotiateWithinMs) return;
      const cause = `no path was found within ${negotiateWithinMs / 1_000} s`;
      this.#reject("no_path", `${cause}; is UDP blocked?`);
      peer.close(cause);
    } else if (nowMs - lane.heardMs >= silentAfterMs) {
      peer.close(`nothing was heard for ${Math.round((nowMs - lane.heardMs) / 1_000)} s`);
    } else if (peer.hoards) peer.close("messages begin and never end");
  }

  #gaveUp(reason: string, retryInMs: number | undefined): void {
    this.#live?.peer.close(`the peer gave up: ${reason}`);
    if (this.#state && retryInMs !== undefined) this.#state.retryAtMs = Date.now() + retryInMs;
  }

  #offer(sdp: string): void {
    this.#offers++;
    const live = this.#live;
    const problem = offerProblem(sdp);
    if (problem === undefined && live?.lane && restartsIce(live.offer, sdp)) return this.#restart(live, sdp);
    live?.peer.close("the peer made a new offer");
    if (problem) return this.#turnDown("unprocessable", problem);
    try {
      this.parts.population.admit(this.host);
    } catch (refusal) {
      if (refusal instanceof RtcRefusal) return this.#turnDown(refusal.kind, refusal.message);
      throw refusal;
    }
    this.#begin(sdp);
  }

  #turnDown(kind: RtcRefusalKind, cause: string): void {
    this.#lastPath = NO_PATH;
    this.#state = { stage: "over", sinceMs: Date.now(), cause, rejected: true };
    this.session.event("webrtc_rejected", { reason: cause });
    this.#reject(kind, cause);
  }

  #restart(live: Live, sdp: string): void {
    live.offer = sdp;
    this.parts.counters.add("webrtc_lanes", "ice_restarts");
    this.session.event("ice_restart", {});
    void live.peer.restart(revealCandidates(sdp, this.host));
  }

  #begin(sdp: string): void {
    const { settings, counters, population } = this.parts;
    const peer: Peer = new Peer(settings, this.host, iceServersFor(settings, "gateway"), {
      answer: (answer) => this.session.send({ type: "answer", sdp: answer }),
      candidate: (candidate) => this.session.send({ type: "candidate", candidate }),
      unanswerable: (reason) => this.#reject("unprocessable", reason),
      packetRefused: (why) => this.parts.counters.add("webrtc_packets_refused", why),
      channel: (channel) => {
        if (live.lane || !isStateChannel(channel)) return false;
        this.#opened(live, new DataChannelLane(channel, (cause) => peer.close(cause)));
        return true;
      },
      closed: (cause) => {
        live.lane?.ended(cause);
        counters.add("webrtc_lanes", live.lane ? "closed" : "failed");
        this.session.event("webrtc_closed", { cause, ...(live.lane ? {} : pathWords(peer.path)) });
        if (this.#live !== live) return;
        this.#live = undefined;
        this.#lastPath = peer.path;
        this.#state = { stage: "over", sinceMs: Date.now(), cause, rejected: false };
        population.delete(this);
      },
    });
    const live: Live = { peer, offer: sdp, lane: undefined, startedMs: performance.now() };
    this.#live = live;
    this.#state = { stage: "negotiating", sinceMs: Date.now(), rejected: false };
    population.add(this);
    void peer.start(revealCandidates(sdp, this.host));
  }

  #opened(live: Live, lane: DataChannelLane): void {
    live.lane = lane;
    this.parts.counters.add("webrtc_lanes", "opened");
    this.#state = { stage: "open", sinceMs: Date.now(), rejected: false };
    const afterMs = Math.round(performance.now() - live.startedMs);
    this.session.event("webrtc_open", { ...pathWords(live.peer.path), afterMs });
    lane.listen(this.session.opened(lane));
  }

  #candidate(value: unknown): void {
    const candidate = readCandidate(value, this.host);
    if (candidate === undefined) this.parts.counters.add("webrtc_refused", "bad_candidate");
    else this.#live?.peer.candidate(candidate);
  }

  #reject(kind: RtcRefusalKind | "no_path", reason: string): void {
    this.parts.counters.add("webrtc_refused", kind);
    this.session.send({ type: "reject", reason });
  }
}
