/**
 * Why a session is on the transport that it is on: what is known of it at this moment.
 *
 * @module
 */
import type { TransportKind } from "./transport.ts";

/** An address at which one side may be reached (RFC 8445 section 5.1). */
export interface CandidateFacts {
  /** `host`, `srflx` (what a STUN server saw), `prflx` (what the peer saw) or `relay` (a TURN server's). */
  type: string;
  protocol: string;
  address: string;
  port: number;
}

/** Two candidates that were tried with each other. */
export interface PairFacts {
  local: CandidateFacts;
  remote: CandidateFacts;
  state: "waiting" | "checking" | "answered" | "failed";
  /** Whether one of the peer's checks came in on it. */
  heard: boolean;
}

/** Where the negotiation of a state lane stands. Local is the gateway's side. */
export interface LaneFacts {
  stage: "negotiating" | "open" | "over";
  /** When the stage began, in milliseconds since 1970. */
  sinceMs: number;
  /** Offers of the peer's so far. */
  offers: number;
  /** Why it is over. */
  cause?: string;
  /** Whether the gateway turned the offer down. */
  rejected: boolean;
  /** When the peer tries again by its own word, in milliseconds since 1970. */
  retryAtMs?: number;
  local: CandidateFacts[];
  remote: CandidateFacts[];
  pairs: PairFacts[];
  selected?: PairFacts;
}

/** What devices may speak instead of the protocol: plain messages over a WebSocket, or MQTT. */
export type PlainMode = "raw" | "mqtt";

/** What an open session knows of its way. */
export interface SessionWay {
  session: string;
  role: "device" | "dashboard" | "operator";
  /** The device's name, or the label of the token. */
  name: string;
  remote: string;
  transport: TransportKind;
  /** What a device speaks that does not speak the protocol; absent where it does. */
  mode?: PlainMode;
  /** Since when, in milliseconds since 1970. */
  sinceMs: number;
  /** Why it moved there. */
  cause: string;
  /** Smoothed round trip on that transport, where it was measured. */
  roundTripMs?: number;
  /** Messages that went out on the state lane, and those that were not confirmed in time. */
  sent?: number;
  lost?: number;
  /** Absent while the peer has not made an offer. */
  lane?: LaneFacts;
}

/** Why a session is where it is in the beginning. */
function firstCause(transport: TransportKind): string {
  return transport === "datachannel"
    ? "it was set up over HTTP, without a WebSocket"
    : "every session begins on the WebSocket";
}

/** Remembers a session's last move. */
export class WayLog {
  transport: TransportKind;
  sinceMs: number = Date.now();
  cause: string;

  constructor(transport: TransportKind) {
    this.transport = transport;
    this.cause = firstCause(transport);
  }

  /** Samples of class `state` take this transport from here on. */
  moved(to: TransportKind, cause: string): void {
    this.transport = to;
    this.cause = cause;
    this.sinceMs = Date.now();
  }
}
