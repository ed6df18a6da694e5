/**
 * The seam behind which the ways to the gateway are alike for a session. WebSocket is the one that every
 * session starts on; another one has the same verbs and may give the lanes different guarantees.
 *
 * @module
 */

import type { RawLane } from "../protocol/state_lane.ts";
import type { LaneListener } from "./lane_dialer.ts";

/**
 * What carries the bytes: a WebSocket, the reliable data channel of a session without one, or the state lane
 * beside either.
 */
export type TransportKind = "websocket" | "datachannel" | "webrtc";

/**
 * Which lane a message takes: `control` is reliable and ordered, `state` may be neither. On a WebSocket both
 * are the one stream.
 */
export type Lane = "control" | "state";

/** How a connection ended. */
export interface TransportClosed {
  /** WebSocket close code; 1006 when the connection broke without one. */
  code: number;
  reason: string;
}

/** A connection to the gateway. */
export interface ClientTransport {
  readonly kind: TransportKind;
  /** Bytes handed to `send` that have not left this process. */
  readonly bufferedBytes: number;
  /** Sends one message; copies what it keeps, so `message` may be borrowed. Does nothing once closed. */
  send(message: string | Uint8Array, lane: Lane): void;
  /**
   * A transport that has a state lane of its own tells here when it is open; the session calls it once it is open
   * itself, and then sets up none.
   */
  openLane?(opened: (lane: RawLane) => LaneListener): void;
  /** Ends the connection. `closed` is not called for what this side ends. */
  close(code: number, reason: string): void;
}

/** What the owner of a transport is told. */
export interface ClientTransportHandlers {
  opened(): void;
  text(text: string): void;
  /** `bytes` belongs to the receiver from here on: nobody writes to it again. */
  binary(bytes: Uint8Array): void;
  /** The other side, or the network, ended it. Called at most once. */
  closed(info: TransportClosed): void;
}

/** Starts a connection. */
export type Dial = (handlers: ClientTransportHandlers) => ClientTransport;

/** How a session is set up. */
export type Signalling = "websocket" | "http";
