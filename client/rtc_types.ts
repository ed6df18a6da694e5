/**
 * The part of the browser's WebRTC that the SDK uses, so that other implementations fit too.
 *
 * @module
 */

import type { RawLane } from "../protocol/state_lane.ts";

/** The part of `RTCDataChannel` that the SDK uses. */
export interface DataChannelLike {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly readyState: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** The part of `RTCPeerConnection` that the SDK uses. */
export interface PeerConnectionLike {
  readonly connectionState: string;
  onicecandidate: ((event: never) => unknown) | null;
  onconnectionstatechange: ((event: never) => unknown) | null;
  createDataChannel(label: string, options: { ordered: boolean }): DataChannelLike;
  createOffer(options?: { iceRestart: boolean }): Promise<{ type: string; sdp?: string }>;
  setLocalDescription(description: { type: "offer"; sdp: string }): Promise<void>;
  setRemoteDescription(description: { type: "answer"; sdp: string }): Promise<void>;
  addIceCandidate(candidate: { candidate: string; sdpMid?: string; sdpMLineIndex?: number }): Promise<void>;
  /** Needed where candidates are to come from servers that the gateway names with its answer. */
  setConfiguration?(config: { iceServers: IceServers }): void;
  close(): void;
}

/** STUN and TURN servers, as `welcome` names them. */
export type IceServers = { urls: string[]; username?: string; credential?: string }[];

/** Makes a peer connection; the global `RTCPeerConnection` of browsers is one. */
export type PeerConnectionConstructor = new (config: { iceServers: IceServers }) => PeerConnectionLike;

/** A binary message: browsers give an ArrayBuffer; some packages a view, which may be theirs to use again. */
export function bytesOf(data: unknown): Uint8Array | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return data instanceof Uint8Array ? new Uint8Array(data) : undefined;
}

/** Sends a message, unless the channel is gone: it is over with what was on its way, too. */
export function sendWhileOpen(channel: DataChannelLike, message: string | Uint8Array): void {
  if (channel.readyState !== "open") return;
  try {
    channel.send(message as string & Uint8Array<ArrayBuffer>);
  } catch {
    // node-datachannel says "open" until its close event, and throws for a channel that is gone before
  }
}

/** A data channel as a lane; what is sent after its end is dropped. */
export function rawLane(channel: DataChannelLike): RawLane {
  return {
    get bufferedBytes() {
      return channel.bufferedAmount;
    },
    send: (message) => sendWhileOpen(channel, message),
  };
}
