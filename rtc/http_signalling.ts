/**
 * WebRTC sessions that are set up over HTTP (RFC 9725): one offer, one answer, and what may follow.
 *
 * @module
 */
import type { Welcome } from "../protocol/control.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import { isDescription, maxMessageBytes, offerProblem } from "./description.ts";
import { type HttpOffer, HttpPeer, type HttpPeerParts, type HttpSession } from "./http_peer.ts";
import { iceServersFor } from "./ice_servers.ts";
import { loadWebRtc } from "./library.ts";
import { hostOf } from "./population.ts";
import { RtcRefusal } from "./refusal.ts";

/** Most devices at a time that wait to be enrolled: each has a peer of its own before anybody has agreed to that. */
const MAX_NEWCOMERS = 8;

/** An answered offer. */
export interface HttpAnswer {
  session: HttpSession;
  /** The answer's description. */
  sdp: string;
  iceServers: NonNullable<Welcome["iceServers"]>;
}

/** The sessions of a gateway that were set up over HTTP. */
export class HttpSignalling {
  readonly #parts: Omit<HttpPeerParts, "ended">;
  readonly #peers = new Map<string, HttpPeer>();

  constructor(parts: Omit<HttpPeerParts, "ended">) {
    this.#parts = parts;
  }

  /** Sessions there are, those that are still being negotiated included. */
  get size(): number {
    return this.#peers.size;
  }

  /**
   * Begins a session.
   *
   * @throws {RtcRefusal} which is counted by its kind.
   */
  async offer(offer: HttpOffer): Promise<HttpAnswer> {
    const { settings, population, counters } = this.#parts;
    try {
      check(offer.sdp);
      await loadWebRtc();
      if (offer.tokenId === undefined) this.#admitNewcomer();
      population.admit(hostOf(offer.remote));
      const peer = new HttpPeer(offer, { ...this.#parts, ended: (one) => this.#ended(one) });
      this.#peers.set(peer.id, peer);
      population.add(peer);
      return { session: peer, sdp: await peer.answer(), iceServers: iceServersFor(settings, peer.id) };
    } catch (refusal) {
      if (refusal instanceof RtcRefusal) counters.add("webrtc_refused", refusal.kind);
      throw refusal;
    }
  }

  /** The session with this id, where it came with this token, or like this without one. */
  find(id: string, tokenId: string | undefined): HttpSession | undefined {
    const peer = this.#peers.get(id);
    return peer?.tokenId === tokenId ? peer : undefined;
  }

  #admitNewcomer(): void {
    let newcomers = 0;
    for (const peer of this.#peers.values()) if (peer.newcomer) newcomers++;
    if (newcomers < MAX_NEWCOMERS) return;
    throw new RtcRefusal(
      "peer_limit",
      `${newcomers} devices without a token are connected already, the most allowed; try again later`,
    );
  }

  #ended(peer: HttpPeer): void {
    this.#peers.delete(peer.id);
    this.#parts.population.delete(peer);
  }
}

function check(sdp: string): void {
  if (!isDescription(sdp)) {
    throw new RtcRefusal("malformed", "the offer is not a session description (RFC 8866)");
  }
  const problem = offerProblem(sdp);
  if (problem !== undefined) throw new RtcRefusal("unprocessable", problem);
  const takes = maxMessageBytes(sdp);
  if (takes >= MAX_MESSAGE_BYTES) return;
  throw new RtcRefusal(
    "unprocessable",
    `the offer takes messages of ${takes} bytes; a session needs a=max-message-size:${MAX_MESSAGE_BYTES} or more`,
  );
}
