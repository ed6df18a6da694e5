/**
 * A session's whole connection over one data channel, for clients that have no WebSocket to us: control messages as
 * strings, frames as binary messages, in order and without loss.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { RTCDataChannel } from "werift";
import { GuardedTransport, type TransportLimits } from "../transport/guarded.ts";
import type { NegotiateLanes, TransportWithLane } from "../transport/lane.ts";
import type { Accept } from "../transport/transport.ts";

/** Label of the data channel that stands in for the WebSocket. */
export const CONTROL_LABEL = "control";

/** werift is handed more while at most this many bytes wait in it: with much more it spends its time on its queue. */
const FREE_BYTES = 16_384;

/** How long the peer has to take what was sent before a close, in milliseconds. */
const LEAVE_WITHIN_MS = 2_000;

/** How often to look whether the peer has taken all of it, in milliseconds. */
const LEAVE_POLL_MS = 10;

/** Whether a data channel is fit to carry a session: ordered, and nothing given up. */
export function isControlChannel(channel: RTCDataChannel): boolean {
  const { label, ordered, maxRetransmits, maxPacketLifeTime } = channel;
  return label === CONTROL_LABEL && ordered && maxRetransmits === null && maxPacketLifeTime === null;
}

/** What a control channel is made of beside its data channel. */
export interface ControlChannelParts {
  /** Peer as `address:port`. */
  remote: string;
  limits: TransportLimits;
  ownLane: NegotiateLanes;
  /** It is over, for this reason: the peer connection is to be closed. */
  over(cause: string): void;
}

/**
 * A data channel as a transport. What waits is kept here and not in werift. An empty message is refused: werift sends
 * none, and the protocol has none.
 */
export class ControlChannel extends GuardedTransport implements TransportWithLane {
  readonly kind = "datachannel";
  readonly ownLane: NegotiateLanes;
  /** When something was last received, in milliseconds of the steady clock. */
  heardMs = performance.now();
  readonly #channel: RTCDataChannel;
  readonly #over: (cause: string) => void;
  #queue: (string | Buffer)[] = [];
  #next = 0;
  #queuedBytes = 0;
  #leaving: ReturnType<typeof setInterval> | undefined;

  constructor(channel: RTCDataChannel, { remote, limits, ownLane, over }: ControlChannelParts) {
    super(remote, limits);
    this.#channel = channel;
    this.#over = over;
    this.ownLane = ownLane;
    channel.bufferedAmountLowThreshold = FREE_BYTES;
    channel.bufferedAmountLow.subscribe(() => this.#pump());
    channel.onMessage.subscribe((message) => this.#received(message));
    channel.stateChanged.subscribe((state) => {
      if (state === "closing" || state === "closed") this.gone("the peer closed the control channel");
    });
  }

  get bufferedBytes(): number {
    return this.#queuedBytes + this.#channel.bufferedAmount;
  }

  /** Hands it to its session. */
  begin(accept: Accept): void {
    this.opened(accept);
  }

  /** The channel or its peer connection is gone without a word of the session's. */
  gone(cause: string): void {
    this.#letGo();
    this.#over(cause);
    this.ended(1006, cause);
  }

  /** The client has ended the session by other means. */
  dismissed(reason: string): void {
    this.#letGo();
    this.ended(1000, reason);
  }

  protected transmit(message: string | Uint8Array): boolean {
    if (message.length === 0) return false;
    const kept = typeof message === "string" ? message : Buffer.from(message);
    this.#queue.push(kept);
    this.#queuedBytes += byteLength(kept);
    this.#pump();
    return true;
  }

  /** The channel has no close code: the session's `bye` has said why, and must get through before the end. */
  protected shut(_code: number, reason: string): void {
    const byMs = performance.now() + LEAVE_WITHIN_MS;
    this.#leaving = setInterval(() => {
      if (this.#taken() || performance.now() >= byMs) this.gone(reason);
    }, LEAVE_POLL_MS);
    this.#pump();
  }

  /** Whether the peer has acknowledged all that was sent; werift tells it in its association alone. */
  #taken(): boolean {
    const association: object = this.#channel.sctp.sctp;
    return this.bufferedBytes === 0 && "flightSize" in association && association.flightSize === 0;
  }

  #pump(): void {
    const channel = this.#channel;
    while (this.#next < this.#queue.length && channel.bufferedAmount <= FREE_BYTES) {
      const message = this.#queue[this.#next++]!;
      this.#queuedBytes -= byteLength(message);
      if (channel.readyState === "open") channel.send(message);
    }
    if (this.#next < this.#queue.length) return;
    this.#queue = [];
    this.#next = 0;
  }

  #received(message: string | Buffer): void {
    this.heardMs = performance.now();
    if (typeof message === "string") this.receivedText(message);
    else this.receivedBytes(new Uint8Array(message.buffer, message.byteOffset, message.byteLength));
  }

  #letGo(): void {
    clearInterval(this.#leaving);
    this.#queue = [];
    this.#next = this.#queuedBytes = 0;
  }
}

function byteLength(message: string | Buffer): number {
  return typeof message === "string" ? Buffer.byteLength(message) : message.length;
}
