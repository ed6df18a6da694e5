/**
 * A data channel as a {@link StateLane}.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { RTCDataChannel } from "werift";
import type { LaneHandlers, StateLane } from "../transport/lane.ts";
import type { Traffic } from "../transport/transport.ts";
import { CongestionFloor } from "./congestion.ts";
import { emptyRetransmissions, onAcknowledged } from "./retransmission.ts";

/** Label of the data channel that carries the state lane. */
export const STATE_LABEL = "state";

/** Whether a data channel is fit to be the state lane: werift's limits on retransmissions do not work. */
export function isStateChannel(channel: RTCDataChannel): boolean {
  return channel.label === STATE_LABEL && !channel.ordered;
}

/** The state lane over werift. */
export class DataChannelLane implements StateLane {
  readonly traffic: Traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
  /** When something was last received, in milliseconds of the steady clock. */
  heardMs = performance.now();
  #handlers: LaneHandlers | undefined;
  readonly #congestion: CongestionFloor;
  #open = true;

  /** @param failed The channel is over; whoever owns the peer connection ends it. */
  constructor(readonly channel: RTCDataChannel, readonly failed: (cause: string) => void) {
    this.#congestion = new CongestionFloor(channel.sctp.sctp);
    emptyRetransmissions(channel.sctp.sctp, channel.id);
    channel.onMessage.subscribe((message) => this.#received(message));
    onAcknowledged(channel.sctp.sctp, () => this.#acknowledged());
    channel.stateChanged.subscribe((state) => {
      if (state === "closing" || state === "closed") this.failed("the peer closed the data channel");
    });
  }

  get open(): boolean {
    return this.#open && this.channel.readyState === "open";
  }

  get bufferedBytes(): number {
    return this.channel.bufferedAmount;
  }

  /** Says who listens. */
  listen(handlers: LaneHandlers): void {
    this.#handlers = handlers;
  }

  send(message: Uint8Array): boolean {
    if (!this.open) return false;
    this.channel.send(Buffer.from(message));
    this.traffic.framesOut++;
    this.traffic.bytesOut += message.length;
    return true;
  }

  allow(bytes: number): void {
    this.#congestion.bytes = bytes;
  }

  close(cause: string): void {
    this.failed(cause);
  }

  /** The peer connection is over. */
  ended(cause: string): void {
    if (!this.#open) return;
    this.#open = false;
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.closed(cause);
  }

  /** Something that was sent has reached the peer's network stack. */
  #acknowledged(): void {
    if (this.#open) this.#handlers?.sign?.();
  }

  #received(message: string | Buffer): void {
    if (!this.#open || typeof message === "string") return;
    this.heardMs = performance.now();
    this.traffic.framesIn++;
    this.traffic.bytesIn += message.length;
    this.#handlers?.message(message);
  }
}
