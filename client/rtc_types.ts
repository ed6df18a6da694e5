/**
 * The part of the browser's WebRTC that the SDK uses, so that other implementations fit too.
 *
 * @module
 */

/** The part of `RTCDataChannel` that the SDK uses. */
export interface DataChannelLike {
  binaryType: string;
  readonly bufferedAmount: number;
  readonly readyState: string;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

/** The part of `RTCPeerConnection` that the SDK uses. */
export interface PeerConnectionLike {
  readonly connectionState: string;
  onicecandidate: ((event: never) => unknown) | null;
  onconnectionstatechange: ((event: never) => unknown) | null;
  createDataChannel(label: string, options: { ordered: boolean }): DataChannelLike;
  createOffer(): Promise<{ type: string; sdp?: string }>;
  setLocalDescription(description: { type: "offer"; sdp: string }): Promise<void>;
  setRemoteDescription(description: { type: "answer"; sdp: string }): Promise<void>;
  addIceCandidate(candidate: { candidate: string; sdpMid?: string; sdpMLineIndex?: number }): Promise<void>;
  close(): void;
}

/** STUN and TURN servers, as `welcome` names them. */
export type IceServers = { urls: string[]; username?: string; credential?: string }[];

/** Makes a peer connection; the global `RTCPeerConnection` of browsers is one. */
export type PeerConnectionConstructor = new (config: { iceServers: IceServers }) => PeerConnectionLike;
