/**
 * A lane for state samples beside a session's own transport: unordered, and not all that is sent need arrive. What
 * sets it up (WebRTC) and the sessions that use it meet at these interfaces.
 *
 * @module
 */
import type { SignallingMessage } from "../protocol/control.ts";
import type { Traffic, Transport } from "./transport.ts";
import type { LaneFacts } from "./way.ts";

/** Answers an offer where nothing sets lanes up. */
export const NO_LANES = "this gateway has no WebRTC transport";

/** An open lane to one peer. */
export interface StateLane {
  readonly open: boolean;
  /** Bytes handed to `send` that have not left this process. */
  readonly bufferedBytes: number;
  readonly traffic: Readonly<Traffic>;
  /** Sends one message; copies what it keeps. False when the lane is closed: the message is not under way. */
  send(message: Uint8Array): boolean;
  /** So many bytes are let be under way by whoever sends; what lies below should not let less. */
  allow?(bytes: number): void;
  /** Ends the lane; `closed` follows. */
  close(cause: string): void;
}

/** What the user of a lane is told. Synchronous, like a transport's handlers. */
export interface LaneHandlers {
  /** A message; `bytes` is borrowed. */
  message(bytes: Uint8Array): void;
  /** The peer's network stack has answered, if not the peer itself: less than a message, more than silence. */
  sign?(): void;
  /** The lane is over, with the cause in words for people. Called exactly once. */
  closed(cause: string): void;
}

/** What the negotiation of lanes needs of a session. */
export interface LaneSession {
  /** Peer's address as `host:port`. */
  readonly remote: string;
  /** Sends a message on the session's own transport. */
  send(message: SignallingMessage): void;
  /** A lane is open; a former one has been closed before. */
  opened(lane: StateLane): LaneHandlers;
  /** Something for the session's record, such as why there is no lane. */
  event(kind: string, detail: Record<string, unknown>): void;
}

/** The negotiation of one session's lanes. */
export interface LaneNegotiation {
  /** A signalling message of the peer's. Never throws: what is wrong is answered by `reject`. */
  message(message: SignallingMessage): void;
  /** Where it stands, for people; undefined before the first offer. */
  facts(): LaneFacts | undefined;
  /** The session is over: everything is let go. */
  close(): void;
}

/** Starts the negotiation of a session's lanes. */
export type NegotiateLanes = (session: LaneSession) => LaneNegotiation;

/** A transport that comes with a state lane of its own, so that none need be negotiated over it. */
export interface TransportWithLane extends Transport {
  /** To be called once, when the session is open. */
  readonly ownLane: NegotiateLanes;
}

/** Whether this transport comes with a state lane of its own. */
export function hasOwnLane(transport: Transport): transport is TransportWithLane {
  return "ownLane" in transport;
}
