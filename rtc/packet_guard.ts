/**
 * What may reach werift from a peer's UDP sockets.
 *
 * werift 0.25 acts on any packet: a binding request without a password adds a candidate and starts checks towards
 * its sender, one plaintext alert from anywhere ends DTLS, and fragments of handshake messages are kept without a
 * limit. So packets are looked at before: requests must be signed with our ICE password, and everything else counts
 * only from an address from which such a request has come.
 *
 * @module
 */
import { BINDING_REQUEST, isAuthentic, isStun } from "./stun_request.ts";

/** Addresses of a peer's that are remembered; more paths than this are not tried by an honest one. */
const MAX_ADDRESSES = 32;

/**
 * Bytes of a handshake in the clear that one peer may send. A whole one has about 3 KB; the rest is for what is sent
 * again on a lossy path.
 */
const MAX_CLEAR_BYTES = 65_536;

/** Header of a DTLS record (RFC 6347 section 4.1). */
const RECORD_BYTES = 13;

/** Kinds of records: change of cipher, alert, handshake, data. */
const FIRST_KIND = 20;
const LAST_KIND = 23;
const ALERT = 21;

/** An address as werift has it. */
export type Address = readonly [host: string, port: number];

/** Why a packet was not let through. */
export type Refused = "form" | "unsigned" | "stranger" | "clear";

/** What the guard asks of the connection. */
export interface Guarded {
  /** Our ICE password for a user name fragment of ours. */
  passwordOf(fragment: string): string | undefined;
  /** Whether DTLS is up. */
  secured(): boolean;
  /** Counts a packet that was not let through. */
  refused(why: Refused): void;
}

/** Guards the sockets of one peer. */
export class PacketGuard {
  readonly #guarded: Guarded;
  readonly #known = new Set<string>();
  #lastHost = "";
  #lastPort = 0;
  #clearBytes = 0;

  constructor(guarded: Guarded) {
    this.#guarded = guarded;
  }

  /** Whether this packet may pass. */
  admit(packet: Uint8Array, from: Address): boolean {
    const why = packet[0]! <= 3 ? this.#stun(packet, from) : this.#record(packet, from);
    if (why) this.#guarded.refused(why);
    return why === undefined;
  }

  #stun(packet: Uint8Array, from: Address): Refused | undefined {
    if (!isStun(packet)) return "form";
    // werift looks after responses itself: they belong to a request of its own and have its integrity
    if (packet[0]! >= 1) return undefined;
    const type = packet[0]! << 8 | packet[1]!;
    if (type !== BINDING_REQUEST) return "form";
    if (!isAuthentic(packet, (fragment) => this.#guarded.passwordOf(fragment))) return "unsigned";
    this.#remember(from);
    return undefined;
  }

  #record(packet: Uint8Array, from: Address): Refused | undefined {
    if (!this.#isKnown(from)) return "stranger";
    const clear = clearBytes(packet);
    if (clear === undefined) return "form";
    if (clear === 0) return undefined;
    this.#clearBytes += clear;
    if (this.#clearBytes > MAX_CLEAR_BYTES) return "clear";
    return this.#guarded.secured() && packet[0] === ALERT ? "clear" : undefined;
  }

  #remember([host, port]: Address): void {
    if (host === this.#lastHost && port === this.#lastPort) return;
    this.#lastHost = host;
    this.#lastPort = port;
    const key = `${host} ${port}`;
    this.#known.delete(key);
    this.#known.add(key);
    if (this.#known.size <= MAX_ADDRESSES) return;
    for (const oldest of this.#known) {
      this.#known.delete(oldest);
      return;
    }
  }

  #isKnown([host, port]: Address): boolean {
    return host === this.#lastHost && port === this.#lastPort || this.#known.has(`${host} ${port}`);
  }
}

/** Bytes of a datagram's records that are not encrypted; undefined when it is not a row of whole records. */
function clearBytes(packet: Uint8Array): number | undefined {
  let clear = 0;
  let at = 0;
  while (at < packet.length) {
    if (at + RECORD_BYTES > packet.length) return undefined;
    const kind = packet[at]!;
    if (kind < FIRST_KIND || kind > LAST_KIND || packet[at + 1] !== 254) return undefined;
    const epoch = packet[at + 3]! << 8 | packet[at + 4]!;
    const end = at + RECORD_BYTES + (packet[at + 11]! << 8 | packet[at + 12]!);
    if (end > packet.length) return undefined;
    if (epoch === 0) clear += end - at;
    at = end;
  }
  return packet.length === 0 ? undefined : clear;
}
