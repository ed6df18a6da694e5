/**
 * One WebRTC peer: answers an offer, trickles candidates both ways, takes another path when the client asks for it,
 * and hands over the data channels that the client opens.
 *
 * @module
 */
import { networkInterfaces } from "node:os";
import type { PeerConfig, RTCDataChannel, RTCPeerConnection } from "werift";
import type { Welcome } from "../protocol/control.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import { SocketGuard } from "./guard_sockets.ts";
import type { Refused } from "./packet_guard.ts";
import { addressConfig, chosenAddresses } from "./host_addresses.ts";
import { NO_PATH, type PathFacts, pathFacts } from "./facts.ts";
import { mendHandshake } from "./dtls_handshake.ts";
import { candidateLines, MAX_CANDIDATES, placeholderCandidate, type RemoteCandidate } from "./description.ts";
import { webRtc } from "./library.ts";
import { shortenRetransmission } from "./retransmission.ts";
import type { RtcSettings } from "./settings.ts";
import { tolerateSocketErrors } from "./socket_errors.ts";

/** Longest wait for a STUN server's answer, in seconds: an answer goes out before, but checks begin after it. */
const STUN_WITHIN_S = 2;

/** Longest datagram that is expected, in bytes: what an Ethernet carries, and some more. SCTP keeps to 1,200. */
const MAX_DATAGRAM_BYTES = 2_048;

/** What a peer tells its negotiation. */
export interface PeerOwner {
  answer(sdp: string): void;
  /** A candidate of ours; null for the end. */
  candidate(candidate: RemoteCandidate | null): void;
  /** The client has opened a data channel; `false` turns it away. */
  channel(channel: RTCDataChannel): boolean;
  /** The first offer, or one that restarts ICE, cannot be answered, and why; `closed` follows. */
  unanswerable(reason: string): void;
  /** A packet from the network was not let through. */
  packetRefused(why: Refused): void;
  /** It is over, for this reason. Called exactly once, also when `close` ended it. */
  closed(cause: string): void;
}

/** One peer connection. */
export class Peer {
  readonly #connection: RTCPeerConnection;
  readonly #owner: PeerOwner;
  readonly #settings: RtcSettings;
  readonly #host: string;
  #early: (RemoteCandidate | "end")[] | undefined;
  readonly #guard: SocketGuard;
  /** Taken from the client, since the start or the last restart. */
  #candidates = 0;
  #open = true;
  #mended = false;
  #work = Promise.resolve();
  #facts: PathFacts = NO_PATH;

  /** @param host Address that the client's connection comes from. */
  constructor(settings: RtcSettings, host: string, iceServers: Welcome["iceServers"], owner: PeerOwner) {
    this.#settings = settings;
    this.#owner = owner;
    this.#host = host;
    this.#early = [placeholderCandidate(host)];
    this.#connection = new (webRtc().RTCPeerConnection)(configuration(settings, iceServers));
    this.#guard = new SocketGuard(this.#connection, (why) => owner.packetRefused(why));
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

  /** Whether more than its window has come in of messages that are not whole: werift does not enforce that. */
  get hoards(): boolean {
    const association: object = this.#connection.sctp?.sctp ?? {};
    return "advertisedRwnd" in association && Number(association.advertisedRwnd) < 0;
  }

  /** Applies an offer and answers it. */
  start(sdp: string): Promise<void> {
    return this.#work = this.#answer(sdp).then(() => {});
  }

  /**
   * Takes an offer by which the client restarts ICE, and answers it. The data channels stay: what is lost meanwhile
   * SCTP sends again.
   */
  restart(sdp: string): Promise<void> {
    this.#candidates = 0;
    this.#early = [placeholderCandidate(this.#host)];
    return this.#work = this.#work.then(() => this.#restart(sdp));
  }

  async #restart(sdp: string): Promise<void> {
    if (!this.#open || !await this.#answer(sdp)) return;
    // werift 0.25 begins no checks after a restart where DTLS is up already
    this.#connection.iceTransports[0]?.start().catch(() => this.close("no path was found after the restart"));
  }

  async #answer(sdp: string): Promise<boolean> {
    try {
      await this.#connection.setRemoteDescription({ type: "offer", sdp });
      if (!this.#open) return false;
      this.#mendHandshake(sdp);
      const answer = await this.#connection.createAnswer();
      if (!this.#open) return false;
      this.#owner.answer(answer.sdp);
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const candidate of early) await this.#add(candidate);
      await this.#connection.setLocalDescription(answer);
      return this.#open;
    } catch (error) {
      if (!this.#open) return false;
      const reason = `the offer cannot be answered: ${error instanceof Error ? error.message : error}`;
      this.#owner.unanswerable(reason);
      this.close(reason);
      return false;
    }
  }

  /** Before DTLS begins, and once. */
  #mendHandshake(offer: string): void {
    const [transport] = this.#connection.dtlsTransports;
    if (!transport || this.#mended) return;
    this.#mended = true;
    // RFC 8842 section 5.3; werift answers "active" to "active"
    if (/^a=setup:active\r?$/m.test(offer)) transport.role = "server";
    mendHandshake(
      transport,
      () => this.close("the peer does not have the key of the certificate that it showed"),
    );
  }

  /** Takes a candidate of the peer's, early ones included. */
  candidate(candidate: RemoteCandidate | "end"): void {
    if (!this.#open || this.#candidates >= MAX_CANDIDATES) return;
    this.#candidates++;
    if (!this.#early) void this.#add(candidate);
    else this.#early.push(candidate);
  }

  /** Ends it and lets everything go. */
  close(cause: string): void {
    if (!this.#open) return;
    this.#facts = pathFacts(this.#connection); // closing empties its lists
    this.#open = false;
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
    const { expectDatagrams } = this.#settings;
    tolerateSocketErrors(this.#connection, (socket) => expectDatagrams?.(socket, MAX_DATAGRAM_BYTES));
    this.#guard.cover();
    if (!candidate) return this.#owner.candidate(null);
    for (const line of candidateLines(candidate, this.#settings.advertise)) {
      this.#owner.candidate({ candidate: line, sdpMid: "0", sdpMLineIndex: 0 });
    }
  }

  #channel(channel: RTCDataChannel): void {
    if (!this.#open || !this.#owner.channel(channel)) return channel.close();
    shortenRetransmission(channel.sctp.sctp);
    this.#guard.open();
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
    ...(addresses.length === 0 ? {} : addressConfig(chosenAddresses(addresses, networkInterfaces()))),
  };
}
