/**
 * A peer that is signalled over HTTP and carries a whole session: its control channel stands in for the WebSocket,
 * the state lane runs beside it.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type { RTCDataChannel } from "werift";
import type { Counters } from "../hub/counters.ts";
import type { SignallingMessage } from "../protocol/control.ts";
import type { TransportLimits } from "../transport/guarded.ts";
import type { LaneNegotiation, LaneSession } from "../transport/lane.ts";
import type { Accept } from "../transport/transport.ts";
import { ControlChannel, isControlChannel } from "./control_channel.ts";
import {
  applicationMid,
  iceCredentials,
  readCandidate,
  revealCandidates,
  withCandidates,
  withIceCredentials,
} from "./description.ts";
import { pathWords } from "./facts.ts";
import { iceServersFor } from "./ice_servers.ts";
import { DataChannelLane, isStateChannel } from "./lane.ts";
import { Peer } from "./peer.ts";
import { hostOf, type Member, type Population } from "./population.ts";
import { RtcRefusal } from "./refusal.ts";
import { formatSdpFragment, type IceCredentials, type SdpFragment } from "./sdpfrag.ts";
import type { RtcSettings } from "./settings.ts";

/** Longest wait for the answer itself, in milliseconds: a busy appliance takes its time over the first certificate. */
const ANSWER_WITHIN_MS = 8_000;

/** Longest wait for our own candidates once there is an answer, in milliseconds: none can be sent after it. */
const GATHER_WITHIN_MS = 1_500;

/** What a peer of this kind needs beside its offer. */
export interface HttpPeerParts {
  settings: RtcSettings;
  counters: Counters;
  population: Population;
  limits: TransportLimits;
  /** It is over. */
  ended(peer: HttpPeer): void;
}

/** Who offers, and what for. */
export interface HttpOffer {
  sdp: string;
  /** Client as `address:port`. */
  remote: string;
  /** Token that the client came with; no other may change the session. Undefined for a device without one. */
  tokenId: string | undefined;
  /** The session that the control channel is handed to. */
  accept: Accept;
}

/** A session as the HTTP interface sees it. */
export interface HttpSession {
  readonly id: string;
  /** Names the ICE session (RFC 9725 section 4.3.1); a restart changes it. */
  readonly etag: string;
  /** Credentials that the client's present candidates belong to. */
  readonly credentials: IceCredentials | undefined;
  /** Takes candidates that the client found later. Those that are of no use are counted and passed over. */
  trickle(fragment: SdpFragment): void;
  /**
   * Looks for another path under new ICE credentials of the client's; the session goes on.
   *
   * @returns The fragment with ours.
   * @throws {RtcRefusal} `conflict` while the offer, or another restart, is being answered.
   */
  restart(fragment: SdpFragment, credentials: IceCredentials): Promise<string>;
  /** The client ends its session. */
  dismiss(): void;
}

interface Gathering {
  answer: string;
  candidates: string[];
  done: PromiseWithResolvers<void>;
  /** Goes off when enough has been waited. */
  timer: ReturnType<typeof setTimeout>;
}

/** One peer with its session. */
export class HttpPeer implements HttpSession, Member {
  /** Unguessable: who knows it may, with the token, end the session. */
  readonly id: string = randomBytes(16).toString("base64url");
  readonly host: string;
  readonly tokenId: string | undefined;
  readonly #parts: HttpPeerParts;
  readonly #offered: HttpOffer;
  readonly #peer: Peer;
  readonly #startedMs = performance.now();
  #offer: string;
  #iceSession = 1;
  #gathering: Gathering | undefined;
  #control: ControlChannel | undefined;
  #lane: DataChannelLane | undefined;
  /** When the lane came, or went, in milliseconds since 1970. */
  #laneSinceMs = Date.now();
  #session: LaneSession | undefined;
  #cause: string | undefined;

  /** @param offer Its description has been checked. */
  constructor(offer: HttpOffer, parts: HttpPeerParts) {
    const { settings } = parts;
    this.#parts = parts;
    this.#offered = offer;
    this.#offer = offer.sdp;
    this.tokenId = offer.tokenId;
    this.host = hostOf(offer.remote);
    this.#peer = new Peer(settings, this.host, iceServersFor(settings, "gateway"), {
      answer: (sdp) => this.#answered(sdp),
      candidate: (candidate) => {
        if (candidate === null) this.#gathering?.done.resolve();
        else this.#gathering?.candidates.push(candidate.candidate);
      },
      unanswerable: () => {}, // whoever waits for the answer hears of it
      packetRefused: (why) => parts.counters.add("webrtc_packets_refused", why),
      channel: (channel) => this.#channel(channel),
      closed: (cause) => this.#closed(cause),
    });
  }

  get etag(): string {
    return `"${this.id.slice(0, 8)}.${this.#iceSession}"`;
  }

  get credentials(): IceCredentials | undefined {
    return iceCredentials(this.#offer);
  }

  get pending(): boolean {
    return this.#control === undefined;
  }

  /** Whether it came without a token and has not been enrolled yet. */
  get newcomer(): boolean {
    return this.tokenId === undefined && this.#session === undefined;
  }

  /**
   * Answers the offer, with all of our candidates.
   *
   * @throws {RtcRefusal} when WebRTC cannot make anything of it.
   */
  async answer(): Promise<string> {
    const { answer, candidates } = await this.#gathered(
      this.#peer.start(revealCandidates(this.#offer, this.host)),
    );
    return withCandidates(answer, candidates);
  }

  trickle(fragment: SdpFragment): void {
    for (const one of fragment.candidates) {
      const candidate = readCandidate({ ...one, sdpMLineIndex: 0 }, this.host);
      if (candidate === undefined) this.#parts.counters.add("webrtc_refused", "bad_candidate");
      else this.#peer.candidate(candidate);
    }
    if (fragment.end) this.#peer.candidate("end");
  }

  async restart(fragment: SdpFragment, credentials: IceCredentials): Promise<string> {
    if (this.#gathering) throw new RtcRefusal("conflict", "another negotiation of this session is under way");
    this.#offer = withIceCredentials(this.#offer, credentials);
    this.#iceSession++;
    this.#parts.counters.add("webrtc_lanes", "ice_restarts");
    this.#session?.event("ice_restart", {});
    const work = this.#peer.restart(this.#offer);
    this.trickle(fragment);
    const { answer, candidates } = await this.#gathered(work);
    return formatSdpFragment(iceCredentials(answer)!, applicationMid(answer), candidates);
  }

  dismiss(): void {
    this.#control?.dismissed("ended over HTTP");
    this.#peer.close("the client ended it");
  }

  close(): void {
    if (this.#control?.open !== false) this.#peer.close("the gateway is shutting down");
  }

  sweep(nowMs: number): void {
    const { negotiateWithinMs, silentAfterMs } = this.#parts.settings;
    if (!this.#control) {
      if (nowMs - this.#startedMs < negotiateWithinMs) return;
      return this.#peer.close(`no path was found within ${negotiateWithinMs / 1_000} s; is UDP blocked?`);
    }
    // without a state lane, whose confirmations and heartbeats keep coming, the session's own deadline has to do
    const silentMs = nowMs - Math.max(this.#control.heardMs, this.#lane?.heardMs ?? Infinity);
    if (silentMs >= silentAfterMs) {
      this.#peer.close(`nothing was heard for ${Math.round(silentMs / 1_000)} s`);
    } else if (this.#peer.hoards) this.#peer.close("messages begin and never end");
  }

  /** Waits for `work` and for our candidates, within bounds. */
  async #gathered(work: Promise<void>): Promise<Gathering> {
    const done = Promise.withResolvers<void>();
    const timer = setTimeout(done.resolve, ANSWER_WITHIN_MS);
    const gathering: Gathering = { answer: "", candidates: [], done, timer };
    this.#gathering = gathering;
    void work.then(done.resolve);
    await done.promise;
    clearTimeout(gathering.timer);
    this.#gathering = undefined;
    if (this.#cause === undefined && gathering.answer !== "") return gathering;
    throw new RtcRefusal("unprocessable", this.#cause ?? "the offer could not be answered in time");
  }

  #answered(sdp: string): void {
    const gathering = this.#gathering;
    if (!gathering) return;
    gathering.answer = sdp;
    clearTimeout(gathering.timer);
    gathering.timer = setTimeout(gathering.done.resolve, GATHER_WITHIN_MS);
  }

  #channel(channel: RTCDataChannel): boolean {
    if (isControlChannel(channel) && !this.#control) {
      this.#parts.counters.add("webrtc_control", "opened");
      this.#control = new ControlChannel(channel, {
        remote: this.#offered.remote,
        limits: this.#parts.limits,
        ownLane: (session) => this.#sessionOpen(session),
        over: (cause) => this.#peer.close(cause),
      });
      this.#control.begin(this.#offered.accept);
      return true;
    }
    if (!isStateChannel(channel) || this.#lane) return false;
    const lane = new DataChannelLane(channel, (cause) => this.#laneOver(lane, cause));
    this.#lane = lane;
    this.#laneSinceMs = Date.now();
    this.#joinLane();
    return true;
  }

  #sessionOpen(session: LaneSession): LaneNegotiation {
    this.#session = session;
    const afterMs = Math.round(performance.now() - this.#startedMs);
    session.event("webrtc_open", { ...pathWords(this.#peer.path), afterMs, signalling: "http" });
    this.#joinLane();
    return {
      message: ({ type }: SignallingMessage) => {
        if (type !== "offer") return;
        session.send({
          type: "reject",
          reason: "this session was set up over HTTP, and so is its next path",
        });
      },
      facts: () => ({
        stage: this.#lane?.open ? "open" : "over",
        sinceMs: this.#laneSinceMs,
        offers: this.#iceSession,
        rejected: false,
        ...this.#peer.path,
      }),
      close: () => {
        this.#session = undefined;
        this.#lane?.ended("the session is over");
      },
    };
  }

  /** The lane is of use once there are both, it and its session. */
  #joinLane(): void {
    if (!this.#lane || !this.#session) return;
    this.#parts.counters.add("webrtc_lanes", "opened");
    this.#lane.listen(this.#session.opened(this.#lane));
  }

  #laneOver(lane: DataChannelLane, cause: string): void {
    if (this.#lane !== lane) return;
    this.#lane = undefined;
    this.#laneSinceMs = Date.now();
    this.#parts.counters.add("webrtc_lanes", "closed");
    lane.ended(cause);
  }

  #closed(cause: string): void {
    this.#cause = cause;
    this.#gathering?.done.resolve();
    this.#session?.event("webrtc_closed", { cause, ...(this.#lane ? {} : pathWords(this.#peer.path)) });
    if (!this.#control) this.#parts.counters.add("webrtc_control", "failed");
    else this.#parts.counters.add("webrtc_control", "closed");
    this.#control?.gone(cause);
    if (this.#lane) this.#laneOver(this.#lane, cause);
    this.#parts.ended(this);
  }
}
