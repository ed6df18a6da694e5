/**
 * A transport in memory: two ends joined by a link that the test steps by hand, so that sessions can be tested
 * without a socket or a clock.
 *
 * ```ts
 * const { near, far } = memoryPair();
 * near.listen({ binary() {}, text: (text) => console.log(text), closed() {} });
 * far.send("hello");
 * near.deliver(); // prints hello
 * ```
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { CloseCode } from "../../protocol/close_codes.ts";
import { cutReason } from "../../transport/guarded.ts";
import type {
  Accept,
  Lane,
  Traffic,
  Transport,
  TransportClosed,
  TransportHandlers,
  TransportKind,
} from "../../transport/transport.ts";

/** Options of {@link memoryPair}. */
export interface MemoryOptions {
  /** Hand over each message inside `send` instead of waiting for `deliver`; default false. */
  immediate?: boolean;
  /** `send` refuses while more than this waits; default without limit. */
  maxBufferedBytes?: number;
  kind?: TransportKind;
  remote?: string;
}

/** A message under way. */
export interface InFlight {
  message: string | Uint8Array;
  lane: Lane;
}

/** One end of a pair. What its peer sent waits here until it is delivered. */
export class MemoryTransport implements Transport {
  readonly kind: TransportKind;
  readonly remote: string;
  readonly traffic: Traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
  /** What the peer has sent and this end has not been handed; a test may reorder it or take messages out. */
  readonly inbound: InFlight[] = [];
  /** Bytes that pretend to wait beside what really does: a slow peer at the turn of a hand. */
  extraBufferedBytes = 0;
  /** Refuses every send while true. */
  refusing = false;
  #peer: MemoryTransport | undefined;
  #handlers: TransportHandlers | undefined;
  #open = true;

  constructor(private readonly options: MemoryOptions, remote: string) {
    this.kind = options.kind ?? "websocket";
    this.remote = remote;
  }

  /** Joins two ends. */
  static join(a: MemoryTransport, b: MemoryTransport): void {
    a.#peer = b;
    b.#peer = a;
  }

  get open(): boolean {
    return this.#open;
  }

  get bufferedBytes(): number {
    const waiting = this.#peer?.inbound.reduce((sum, { message }) => sum + size(message), 0) ?? 0;
    return waiting + this.extraBufferedBytes;
  }

  /** Says who listens at this end. */
  listen(handlers: TransportHandlers): void {
    this.#handlers = handlers;
  }

  /** Hands this end to a server's `accept`. */
  accept(accept: Accept): void {
    this.listen(accept(this));
  }

  send(message: string | Uint8Array, lane: Lane = "control"): boolean {
    const peer = this.#peer;
    const full = this.bufferedBytes > (this.options.maxBufferedBytes ?? Infinity);
    if (!peer || !this.#open || !peer.#open || this.refusing || full) return false;
    this.traffic.framesOut++;
    this.traffic.bytesOut += size(message);
    peer.inbound.push({ message: typeof message === "string" ? message : message.slice(), lane });
    if (this.options.immediate) peer.deliver();
    return true;
  }

  /**
   * Hands over up to `count` waiting messages, oldest first, with those that come up meanwhile.
   *
   * @returns how many were handed over.
   */
  deliver(count = Infinity): number {
    let done = 0;
    while (done < count && this.#open) {
      const next = this.inbound.shift();
      if (!next) break;
      done++;
      this.#receive(next.message);
    }
    return done;
  }

  /** Loses up to `count` waiting messages, oldest first. */
  drop(count = 1): InFlight[] {
    return this.inbound.splice(0, count);
  }

  close(code: CloseCode, reason = code.name): void {
    if (!this.#open) return;
    const info = { code: code.code, reason: cutReason(reason) };
    this.#open = false;
    queueMicrotask(() => this.#end(info));
    const peer = this.#peer;
    if (!peer?.open) return;
    peer.deliver(); // what was sent before the close arrives before it
    if (!peer.#open) return;
    peer.#open = false;
    peer.#end(info);
  }

  /** Cuts the link without a word: both ends see 1006. */
  cut(): void {
    for (const end of [this, this.#peer]) {
      if (!end?.open) continue;
      end.#open = false;
      end.inbound.length = 0;
      end.#end({ code: 1006, reason: "" });
    }
  }

  #receive(message: string | Uint8Array): void {
    this.traffic.framesIn++;
    this.traffic.bytesIn += size(message);
    if (typeof message === "string") return this.#handlers?.text(message);
    this.#handlers?.binary(message);
    message.fill(0xee); // lent for the call only: whoever kept it finds out
  }

  #end(info: TransportClosed): void {
    const handlers = this.#handlers;
    this.#handlers = undefined;
    handlers?.closed(info);
  }
}

function size(message: string | Uint8Array): number {
  return typeof message === "string" ? Buffer.byteLength(message) : message.byteLength;
}

/** Two joined ends: `near` for the session under test, `far` for the peer that the test plays. */
export function memoryPair(options: MemoryOptions = {}): { near: MemoryTransport; far: MemoryTransport } {
  const near = new MemoryTransport(options, options.remote ?? "192.0.2.1:4000");
  const far = new MemoryTransport({ ...options, maxBufferedBytes: Infinity }, "192.0.2.2:8080");
  MemoryTransport.join(near, far);
  return { near, far };
}
