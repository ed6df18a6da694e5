/**
 * Puts a {@link PacketGuard} in front of a werift connection's UDP sockets.
 *
 * werift 0.25 has no hook for this, so the method that takes a socket's packets is replaced, socket by socket. A
 * relay's packets come from the TURN server and have no such method.
 *
 * @module
 */
import type { RTCPeerConnection } from "werift";
import { type Address, type Guarded, PacketGuard, type Refused } from "./packet_guard.ts";
import { ShortWay } from "./short_way.ts";

/** werift's end of a UDP socket. */
interface StunSocket {
  datagramReceived(packet: Uint8Array, from: Address): void;
}

function isStunSocket(value: object): value is StunSocket {
  return "datagramReceived" in value && typeof value.datagramReceived === "function";
}

/** The guard of one connection. */
export class SocketGuard {
  readonly #connection: RTCPeerConnection;
  readonly #guard: PacketGuard;
  readonly #done = new WeakSet<object>();
  #shortWay: ShortWay | undefined;

  /** @param refused Counts a packet that was not let through. */
  constructor(connection: RTCPeerConnection, refused: (why: Refused) => void) {
    this.#connection = connection;
    const guarded: Guarded = {
      passwordOf: (fragment) => this.#passwordOf(fragment),
      secured: () => connection.dtlsTransports[0]?.state === "connected",
      refused,
    };
    this.#guard = new PacketGuard(guarded);
  }

  /** Guards the sockets that have been opened since it was last called. Call before a candidate is told. */
  cover(): void {
    const sockets: unknown = Reflect.get(this.#connection.iceTransports[0]?.connection ?? {}, "protocols");
    if (!Array.isArray(sockets)) return;
    for (const socket of sockets as object[]) {
      if (this.#done.has(socket) || !isStunSocket(socket)) continue;
      this.#done.add(socket);
      const pass = socket.datagramReceived.bind(socket);
      socket.datagramReceived = (packet, from) => {
        if (this.#guard.admit(packet, from) && !this.#shortWay?.receive(packet)) pass(packet, from);
      };
    }
  }

  /** The session is open: what it consists of need not go through all of werift any more. */
  open(): void {
    this.#shortWay ??= ShortWay.open(this.#connection);
  }

  /** The password of now, or of before a restart of ICE, which the client may still use for a moment. */
  #passwordOf(fragment: string): string | undefined {
    const ice = this.#connection.iceTransports[0]?.connection;
    if (!ice) return undefined;
    if (fragment === ice.localUsername) return ice.localPassword;
    const former: unknown = Reflect.get(ice, "userHistory");
    if (typeof former !== "object" || former === null || !Object.hasOwn(former, fragment)) return undefined;
    const password: unknown = Reflect.get(former, fragment);
    return typeof password === "string" ? password : undefined;
  }
}
