/**
 * The one small interface behind which WebSocket, DataChannel and whatever comes next are alike.
 *
 * @module
 */
import type { CloseCode } from "../protocol/close_codes.ts";

/**
 * What carries the bytes: a WebSocket, the reliable data channel of a session that has no WebSocket, the state lane
 * beside either, or MQTT.
 */
export type TransportKind = "websocket" | "datachannel" | "webrtc" | "mqtt";

/** Which lane a message may take. On a WebSocket both are the one stream. */
export type Lane = "control" | "state";

/** Bytes and messages that went each way. */
export interface Traffic {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
}

/** A live connection to one peer. */
export interface Transport {
  readonly kind: TransportKind;
  /** Address of the peer as `host:port`, or as the transport names it. */
  readonly remote: string;
  /** Bytes handed to `send` that have not left this process. */
  readonly bufferedBytes: number;
  readonly traffic: Readonly<Traffic>;
  /** False once closed from either side. */
  readonly open: boolean;
  /**
   * Sends one message, a string as text and bytes as binary. Copies what it keeps, so `message` may be borrowed.
   *
   * @returns false when the connection is closed or refused it: the message is not under way.
   */
  send(message: string | Uint8Array, lane?: Lane): boolean;
  /**
   * Ends the connection after what was sent before; a second call does nothing. `reason` is cut to the 123
   * bytes that RFC 6455 section 5.5.1 leaves for it. From here on nothing more is handed to the handlers but
   * `closed`, which follows in a microtask with this very code, whether or not the peer still answers.
   */
  close(code: CloseCode, reason?: string): void;
}

/**
 * What the owner of a transport is told. Each call is synchronous. One that throws is the gateway's own fault:
 * the connection ends with `internal` and the error goes to the log, while every other connection lives on.
 */
export interface TransportHandlers {
  /** A binary message. `bytes` is borrowed: valid only during the call. */
  binary(bytes: Uint8Array): void;
  /** A text message. */
  text(text: string): void;
  /** The connection is over, whoever ended it. Called exactly once. */
  closed(info: TransportClosed): void;
}

/** How a connection ended. */
export interface TransportClosed {
  /** WebSocket close code, or 1006 where the peer vanished without one. */
  code: number;
  reason: string;
}

/** Accepts a connection: takes its transport, returns who listens to it. */
export type Accept = (transport: Transport) => TransportHandlers;

/**
 * Transports that get the same messages. The runtime supplies the fastest way it has: Bun publishes natively,
 * on Deno all share one frame.
 */
export interface BroadcastGroup {
  readonly size: number;
  /** Takes in a transport; one that closes leaves by itself. */
  add(transport: Transport): void;
  delete(transport: Transport): void;
  /**
   * Sends `message` to every member. Copies what it keeps.
   *
   * @returns the members that refused it, as `Transport.send` does with false; mostly none.
   */
  send(message: Uint8Array): readonly Transport[];
}
