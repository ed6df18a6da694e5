/**
 * Settings of the WebRTC transport.
 *
 * @module
 */

/** A STUN or TURN server. */
export interface IceServer {
  /** `stun:host:port`, `turn:host:port?transport=udp`, `turns:…` */
  url: string;
  /** Static credentials. A TURN server without them gets time-limited ones from `turnSecret`. */
  username?: string;
  credential?: string;
}

/** How the gateway meets its peers. */
export interface RtcSettings {
  iceServers: readonly IceServer[];
  /** Secret shared with the TURN servers (coturn's `static-auth-secret`), for credentials that expire. */
  turnSecret?: string;
  /** How long such credentials hold, in seconds. */
  turnTtlS: number;
  /** UDP ports to use, both included; without it any free one. Each peer takes one port of each address. */
  portRange?: readonly [number, number];
  /** Addresses that peers reach this machine by, where they are not its own (NAT 1:1). */
  advertise: readonly string[];
  /** Only these of the machine's addresses, and those of the interfaces named here, are used; all when empty. */
  addresses: readonly string[];
  /** Most peers at a time. */
  maxPeers: number;
  /** Most unfinished negotiations with one address. */
  maxPendingPerAddress: number;
  /** Deadline from the offer to an open lane, in milliseconds. */
  negotiateWithinMs: number;
  /** A peer of which nothing was heard for so long is given up, in milliseconds. */
  silentAfterMs: number;
  /** Told how long the datagrams of each UDP socket are at most: the runtime's, which may save memory by it. */
  expectDatagrams?: (socket: object, maxBytes: number) => void;
}

/** What holds where nothing is said. */
export const RTC_DEFAULTS: RtcSettings = {
  iceServers: [],
  turnTtlS: 86_400,
  advertise: [],
  addresses: [],
  maxPeers: 256,
  maxPendingPerAddress: 16,
  negotiateWithinMs: 20_000,
  silentAfterMs: 8_000,
};
