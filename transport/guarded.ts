/**
 * What every transport of the gateway's has in common, whatever carries it: counters, the limits on what comes in
 * and what waits to go out, closing exactly once, and the wall between a faulty handler and the rest of the
 * process.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import type {
  Accept,
  BroadcastGroup,
  Traffic,
  Transport,
  TransportClosed,
  TransportHandlers,
  TransportKind,
} from "./transport.ts";

/** RFC 6455 section 5.5.1: a control frame holds 125 bytes, two of which are the close code. */
const MAX_REASON_BYTES = 123;

/** Cuts a close reason to the bytes that fit, at a character's boundary. */
export function cutReason(reason: string): string {
  if (reason.length * 3 <= MAX_REASON_BYTES) return reason;
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(MAX_REASON_BYTES));
  return reason.slice(0, read);
}

/** Limits and the way out for errors, shared by all connections of a server. */
export interface TransportLimits {
  /** Larger messages from the peer end the connection with 1009. */
  maxMessageBytes: number;
  /** `send` refuses while more than this is waiting. */
  maxBufferedBytes: number;
  /** Told of what a handler threw. */
  onFault(error: unknown, where: string): void;
}

/** Base of all transports. A subclass moves bytes; what they mean for the owner is decided here. */
export abstract class GuardedTransport implements Transport {
  abstract readonly kind: TransportKind;
  readonly traffic: Traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
  #handlers: TransportHandlers | undefined;
  #open = true;
  /** Made with the first: a device is in none. */
  #groups: Set<BroadcastGroup> | undefined;

  /** @param remote Peer as `address:port`. */
  constructor(readonly remote: string, protected readonly limits: TransportLimits) {}

  abstract get bufferedBytes(): number;

  /** Hands a message to what carries it, which copies it. False when it was refused. */
  protected abstract transmit(message: string | Uint8Array): boolean;

  /** Starts to close, after what was sent before. */
  protected abstract shut(code: number, reason: string): void;

  get open(): boolean {
    return this.#open;
  }

  send(message: string | Uint8Array): boolean {
    if (!this.writable || !this.transmit(message)) return false;
    this.countOut(typeof message === "string" ? Buffer.byteLength(message) : message.byteLength);
    return true;
  }

  /** Open, and with less waiting than the limit. */
  get writable(): boolean {
    return this.#open && this.bufferedBytes <= this.limits.maxBufferedBytes;
  }

  /** Counts one message that is under way, with its payload's bytes. */
  countOut(bytes: number): void {
    this.traffic.framesOut++;
    this.traffic.bytesOut += bytes;
  }

  close(code: CloseCode, reason = code.name): void {
    if (!this.#open) return;
    const cut = cutReason(reason);
    this.#open = false;
    this.#leaveGroups();
    this.shut(code.code, cut);
    queueMicrotask(() => this.#tellClosed({ code: code.code, reason: cut }));
  }

  /** What carries it says that the connection is open. */
  protected opened(accept: Accept): void {
    try {
      this.#handlers = accept(this);
    } catch (error) {
      this.#fault(error, "accept");
    }
  }

  /** What carries it hands over a binary message, which it may use again after the call. */
  protected receivedBytes(bytes: Uint8Array): void {
    if (!this.#admit(bytes.byteLength)) return;
    try {
      this.#handlers?.binary(bytes);
    } catch (error) {
      this.#fault(error, "binary");
    }
  }

  /** What carries it hands over a text message. */
  protected receivedText(text: string): void {
    if (!this.#admit(Buffer.byteLength(text))) return;
    try {
      this.#handlers?.text(text);
    } catch (error) {
      this.#fault(error, "text");
    }
  }

  /** What carries it says that the connection is over. */
  protected ended(code: number, reason: string): void {
    if (!this.#open) return; // we closed it, and the owner is told what we closed it with
    this.#open = false;
    this.#leaveGroups();
    this.#tellClosed({ code, reason });
  }

  /** Counts an incoming message; false when it must go no further. */
  #admit(bytes: number): boolean {
    if (!this.#open) return false;
    this.traffic.framesIn++;
    this.traffic.bytesIn += bytes;
    const max = this.limits.maxMessageBytes;
    if (bytes <= max) return true;
    this.close(CLOSE.messageTooLarge, `message of ${bytes} bytes, the limit is ${max}`);
    return false;
  }

  /** A group notes that this transport is its member, to be told when it closes. */
  joined(group: BroadcastGroup): void {
    (this.#groups ??= new Set()).add(group);
  }

  /** The group has let this transport go. */
  left(group: BroadcastGroup): void {
    this.#groups?.delete(group);
  }

  #leaveGroups(): void {
    for (const group of this.#groups ?? []) group.delete(this);
  }

  #tellClosed(info: TransportClosed): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    try {
      handlers?.closed(info);
    } catch (error) {
      this.limits.onFault(error, "closed");
    }
  }

  #fault(error: unknown, where: string): void {
    this.limits.onFault(error, where);
    this.close(CLOSE.internal);
  }
}
