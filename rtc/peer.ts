/**
 * One WebRTC peer: answers an offer, trickles candidates both ways, and hands over the state lane when it opens.
 *
 * @module
 */
import { type PeerConfig, type RTCDataChannel, RTCPeerConnection } from "werift";
import type { Welcome } from "../protocol/control.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import type { StateLane } from "../transport/lane.ts";
import { candidateLines, type RemoteCandidate } from "./description.ts";
import { NO_PATH, type PathFacts, pathFacts } from "./facts.ts";
import { DataChannelLane } from "./lane.ts";
import { shortenRetransmission } from "./retransmission.ts";
import type { RtcSettings } from "./settings.ts";

/** Label of the data channel that carries the state lane. */
export const STATE_LABEL = "state";

/** Most candidates that wait for the offer to be applied; browsers send a handful. */
const MAX_EARLY_CANDIDATES = 64;

/** Longest wait for a STUN server's answer, in seconds: an answer goes out before, but checks begin after it. */
const STUN_WITHIN_S = 2;

/** What a peer tells its negotiation. */
export interface PeerOwner {
  answer(sdp: string): void;
  /** A candidate of ours; null for the end. */
  candidate(candidate: RemoteCandidate | null): void;
  /** The state lane is open. */
  opened(lane: DataChannelLane): void;
  /** It is over, for this reason. Called exactly once, also when `close` ended it. */
  closed(cause: string): void;
}

/** One peer connection. */
export class Peer {
  readonly #connection: RTCPeerConnection;
  readonly #owner: PeerOwner;
  readonly #settings: RtcSettings;
  #early: (RemoteCandidate | "end")[] | undefined = [];
  #lane: DataChannelLane | undefined;
  #open = true;
  #facts: PathFacts = NO_PATH;

  constructor(settings: RtcSettings, iceServers: Welcome["iceServers"], owner: PeerOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#connection = new RTCPeerConnection(configuration(settings, iceServers));
    this.#connection.onIceCandidate.subscribe((candidate) => this.#found(candidate?.candidate));
    this.#connection.onDataChannel.subscribe((channel) => this.#channel(channel));
    this.#connection.connectionStateChange.subscribe((state) => {
      if (state === "failed" || state === "closed") {
        this.close(`the peer connection has ${CLOSED_WORDS[state]}`);
      }
    });
    // ICE's "disconnected" is left alone: one unanswered consent check is enough for it, confirmations are missed
    // sooner, and a path that comes back must find the lane still there
  }

  /** The lane, once it is open. */
  get lane(): StateLane | undefined {
    return this.#lane;
  }

  /** When something was last received on the lane, in milliseconds of the steady clock. */
  get heardMs(): number | undefined {
    return this.#lane?.heardMs;
  }

  /** Applies an offer and answers it. */
  async start(sdp: string): Promise<void> {
    try {
      await this.#connection.setRemoteDescription({ type: "offer", sdp });
      if (!this.#open) return;
      const answer = await this.#connection.createAnswer();
      if (!this.#open) return;
      this.#owner.answer(answer.sdp);
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const candidate of early) await this.#add(candidate);
      await this.#connection.setLocalDescription(answer);
    } catch (error) {
      this.close(`the offer cannot be answered: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** Takes a candidate of the peer's, early ones included. */
  candidate(candidate: RemoteCandidate | "end"): void {
    if (!this.#open) return;
    if (!this.#early) void this.#add(candidate);
    else if (this.#early.length < MAX_EARLY_CANDIDATES) this.#early.push(candidate);
  }

  /** Ends it and lets everything go. */
  close(cause: string): void {
    if (!this.#open) return;
    this.#facts = pathFacts(this.#connection); // closing empties its lists
    this.#open = false;
    this.#lane?.ended(cause);
    this.#connection.close().catch(() => {});
    this.#owner.closed(cause);
  }

  /** What is known of the paths; after the end, what was known then. */
  get path(): PathFacts {
    return this.#open ? pathFacts(this.#connection) : this.#facts;
  }

  async #add(candidate: RemoteCandidate | "end"): Promise<void> {
    try {
      await this.#connection.addIceCandidate(candidate === "end" ? null : candidate);
    } catch {
      // one that cannot be used, such as a TCP candidate or one of an earlier offer, leaves the others
    }
  }

  #found(candidate: string | undefined): void {
    if (!this.#open) return;
    if (!candidate) return this.#owner.candidate(null);
    for (const line of candidateLines(candidate, this.#settings.advertise)) {
      this.#owner.candidate({ candidate: line, sdpMid: "0", sdpMLineIndex: 0 });
    }
  }

  #channel(channel: RTCDataChannel): void {
    if (channel.label !== STATE_LABEL || channel.ordered || this.#lane) return channel.close();
    shortenRetransmission(channel.sctp.sctp);
    const lane = new DataChannelLane(channel, (cause) => this.close(cause));
    this.#lane = lane;
    this.#owner.opened(lane);
  }
}

const CLOSED_WORDS = { failed: "failed: no path, or the path is gone", closed: "closed" } as const;

function configuration(settings: RtcSettings, iceServers: Welcome["iceServers"]): Partial<PeerConfig> {
  const { portRange, addresses } = settings;
  return {
    iceServers: iceServers ?? [],
    iceUseIpv4: true,
    iceUseIpv6: true,
    iceStunGatherTimeout: STUN_WITHIN_S,
    maxMessageSize: MAX_MESSAGE_BYTES,
    ...(portRange === undefined ? {} : { icePortRange: [portRange[0], portRange[1]] as [number, number] }),
    ...(addresses.length === 0 ? {} : {
      iceInterfaceAddresses: { udp4: addresses.find((one) => !one.includes(":")) ?? "" },
      iceAdditionalHostAddresses: [...addresses],
    }),
  };
}
