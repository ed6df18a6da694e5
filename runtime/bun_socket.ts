/**
 * Bun's WebSockets and their broadcast groups as transports.
 *
 * @module
 */
import { LoopGroup, NOBODY } from "../transport/loop_group.ts";
import type { Accept, BroadcastGroup, Transport } from "../transport/transport.ts";
import { WebSocketTransport } from "../transport/websocket.ts";
import type { WebSocketLimits } from "../transport/websocket.ts";
import type { BunServer, BunWebSocket } from "./bun_types.ts";

/** What travels with each connection from the handshake on. */
export interface Data {
  readonly remote: string;
  readonly accept: Accept;
  transport?: BunSocket;
}

/** A WebSocket of `Bun.serve`. */
export class BunSocket extends WebSocketTransport {
  readonly #accept: Accept;

  constructor(
    readonly socket: BunWebSocket<Data>,
    readonly server: BunServer<Data>,
    limits: WebSocketLimits,
  ) {
    super(socket.data.remote, limits);
    this.#accept = socket.data.accept;
  }

  get bufferedBytes(): number {
    return this.open ? this.socket.getBufferedAmount() : 0;
  }

  /** Bun says that it is open. */
  begin(): void {
    this.opened(this.#accept);
  }

  /** Bun hands over a message. */
  message(message: string | Uint8Array): void {
    if (typeof message === "string") this.receivedText(message);
    else this.receivedBytes(message);
  }

  /** Bun says that it is closed. */
  over(code: number, reason: string): void {
    this.ended(code, reason);
  }

  protected transmit(message: string | Uint8Array): boolean {
    // -1 says queued, which is under way; 0 says dropped, but also that an empty message went out.
    return this.socket.send(message, false) !== 0 || message.length === 0;
  }

  protected shut(code: number, reason: string): void {
    this.socket.close(code, reason);
  }
}

let groups = 0;

/**
 * Broadcast by Bun's own publish/subscribe: one call hands a message to every member, at a quarter to a half of
 * what sending to each costs.
 */
export class BunGroup implements BroadcastGroup {
  readonly #topic = `group-${++groups}`;
  readonly #members = new Set<BunSocket>();
  /** Members of each server: a topic is published server by server. */
  readonly #servers = new Map<BunServer<Data>, number>();
  /** Members of other kinds, such as DataChannels. */
  readonly #others = new LoopGroup();

  get size(): number {
    return this.#members.size + this.#others.size;
  }

  add(transport: Transport): void {
    if (!(transport instanceof BunSocket)) return this.#others.add(transport);
    if (!transport.open || this.#members.has(transport)) return;
    this.#members.add(transport);
    this.#servers.set(transport.server, (this.#servers.get(transport.server) ?? 0) + 1);
    transport.socket.subscribe(this.#topic);
    transport.joined(this);
  }

  delete(transport: Transport): void {
    if (!(transport instanceof BunSocket)) return this.#others.delete(transport);
    if (!this.#members.delete(transport)) return;
    transport.left(this);
    transport.socket.unsubscribe(this.#topic);
    const left = (this.#servers.get(transport.server) ?? 1) - 1;
    if (left > 0) this.#servers.set(transport.server, left);
    else this.#servers.delete(transport.server);
  }

  send(message: Uint8Array): readonly Transport[] {
    const refused = this.#others.size > 0 ? this.#others.send(message) : NOBODY;
    if (this.#members.size < 2 || !this.#allWritable()) {
      const more = this.#loop(message);
      return refused.length === 0 ? more : [...refused, ...more];
    }
    for (const server of this.#servers.keys()) server.publish(this.#topic, message, false);
    for (const member of this.#members) member.countOut(message.byteLength);
    return refused;
  }

  #allWritable(): boolean {
    for (const member of this.#members) if (!member.writable) return false;
    return true;
  }

  #loop(message: Uint8Array): readonly Transport[] {
    let refused: Transport[] | undefined;
    for (const member of this.#members) if (!member.send(message)) (refused ??= []).push(member);
    return refused ?? NOBODY;
  }
}
