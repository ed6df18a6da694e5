/**
 * A client of a session over WebRTC alone, with werift for its peer connection and HTTP for its signalling: what
 * RFC 9725 asks of a client, with every step in the test's hands.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type RTCDataChannel, RTCPeerConnection } from "werift";
import { mendHandshake } from "../../rtc/dtls_handshake.ts";

/** Sends one signalling request; a test may go to a server or to the application itself. */
export type Signal = (path: string, init: RequestInit) => Promise<Response>;

/** Largest message that the client takes, in bytes, as browsers have it. */
const MAX_MESSAGE_BYTES = 262_144;

/** werift's peer connection with what a session without a WebSocket needs, for `environment.RTCPeerConnection`. */
export class HttpPeerConnection extends RTCPeerConnection {
  constructor(config: object) {
    super({ ...config, maxMessageSize: MAX_MESSAGE_BYTES });
  }
}

/** A description's ICE credentials. */
function credentialsIn(sdp: string): { ufrag: string; pwd: string } {
  return {
    ufrag: /a=ice-ufrag:(\S+)/.exec(sdp)![1]!,
    pwd: /a=ice-pwd:(\S+)/.exec(sdp)![1]!,
  };
}

/** ICE or DTLS has failed. */
class NoPath extends Error {
  override readonly name = "NoPath";
  constructor() {
    super("there is no path to the gateway, or it is gone");
  }
}

/** Longest wait for an open channel, in milliseconds: on any machine a handshake that takes longer stands. */
const OPEN_WITHIN_MS = 30_000;

/** Attempts to connect, of which one now and then finds no path on a busy machine. */
const ATTEMPTS = 4;

/** Connects a client, and tries again where no path is found, as every client should. */
export async function connectDataChannel(
  signal: Signal,
  path: string,
  headers: Record<string, string> = {},
): Promise<DataChannelClient> {
  for (let attempt = 1;; attempt++) {
    const client = new DataChannelClient();
    try {
      await client.connect(signal, path, headers);
      return client;
    } catch (error) {
      await client[Symbol.asyncDispose]();
      if (!(error instanceof NoPath) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** A peer connection with the channels that a session has. */
export class DataChannelClient implements AsyncDisposable {
  readonly connection: RTCPeerConnection = new HttpPeerConnection({});
  readonly control: RTCDataChannel = this.connection.createDataChannel("control");
  readonly opened: Promise<void>;
  readonly #giveUp: (error: Error) => void;
  /** Resolves when the control channel is closed. */
  readonly closed: Promise<void>;
  location = "";
  etag = "";
  #answer = "";
  readonly #candidates: string[] = [];
  readonly #inbox: (string | Uint8Array)[] = [];
  #wake = Promise.withResolvers<void>();
  #over = false;

  constructor() {
    const opened = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.#giveUp = opened.reject;
    this.opened.catch(() => {}); // `connect` tells it
    this.closed = closed.promise;
    this.control.stateChanged.subscribe((state) => {
      if (state === "open") opened.resolve();
      if (state !== "closed") return;
      this.#over = true;
      this.#wake.resolve();
      closed.resolve();
    });
    this.control.onMessage.subscribe((message) => {
      this.#inbox.push(typeof message === "string" ? message : new Uint8Array(message));
      this.#wake.resolve();
    });
    this.connection.connectionStateChange.subscribe((state) => {
      if (state === "failed") opened.reject(new NoPath());
    });
    this.connection.onIceCandidate.subscribe((one) => {
      if (one?.candidate) this.#candidates.push(one.candidate);
    });
  }

  /** Offers, takes the answer, sends its candidates; returns when the control channel is open. */
  async connect(signal: Signal, path: string, headers: Record<string, string> = {}): Promise<void> {
    // a busy machine makes either side repeat messages, and both are werift
    mendHandshake(this.connection.dtlsTransports[0]!, () => {});
    const offer = await this.connection.createOffer();
    const response = await signal(path, {
      method: "POST",
      body: offer.sdp,
      headers: { ...headers, "content-type": "application/sdp" },
    });
    this.#answer = await response.text();
    if (response.status !== 201) throw new Error(`${response.status}: ${this.#answer}`);
    this.location = new URL(response.headers.get("location")!, `http://gateway${path}`).pathname;
    this.etag = response.headers.get("etag")!;
    await this.connection.setLocalDescription(offer);
    await this.connection.setRemoteDescription({ type: "answer", sdp: this.#answer });
    const trickled = await this.patch(signal, this.fragment(offer.sdp), this.etag, headers);
    if (trickled.status !== 204) throw new Error(`${trickled.status}: ${await trickled.text()}`);
    const timer = setTimeout(() => this.#giveUp(new NoPath()), OPEN_WITHIN_MS);
    await this.opened.finally(() => clearTimeout(timer));
  }

  /** What was gathered, as a fragment of this description. */
  fragment(sdp: string): string {
    const { ufrag, pwd } = credentialsIn(sdp);
    const lines = this.#candidates.splice(0).map((one) => `a=${one}`);
    return [
      `a=ice-ufrag:${ufrag}`,
      `a=ice-pwd:${pwd}`,
      "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
      "a=mid:0",
    ]
      .concat(lines, "a=end-of-candidates", "").join("\r\n");
  }

  patch(signal: Signal, body: string, condition: string, headers: Record<string, string>): Promise<Response> {
    return signal(this.location, {
      method: "PATCH",
      body,
      headers: { ...headers, "content-type": "application/trickle-ice-sdpfrag", "if-match": condition },
    });
  }

  /** Takes another path. */
  async restart(signal: Signal, headers: Record<string, string> = {}): Promise<void> {
    const offer = await this.connection.createOffer({ iceRestart: true });
    await this.connection.setLocalDescription(offer);
    const response = await this.patch(signal, this.fragment(offer.sdp), "*", headers);
    const body = await response.text();
    if (response.status !== 200) throw new Error(`${response.status}: ${body}`);
    this.etag = response.headers.get("etag")!;
    const { ufrag, pwd } = credentialsIn(body);
    const lines = body.split("\r\n").filter((one) => one.startsWith("a=candidate:"));
    const answer = this.#answer.replaceAll(/a=(?:candidate:.*|end-of-candidates)\r\n/g, "")
      .replace(/a=ice-ufrag:\S+/, `a=ice-ufrag:${ufrag}`).replace(/a=ice-pwd:\S+/, `a=ice-pwd:${pwd}`);
    await this.connection.setRemoteDescription({ type: "answer", sdp: `${answer}${lines.join("\r\n")}\r\n` });
    // werift begins no checks after a restart by itself
    await this.connection.iceTransports[0]!.start();
  }

  /** Sends a message, larger than the gateway takes it if need be. */
  send(message: string | Uint8Array): void {
    this.control.sctp.remoteMaxMessageSize = 0;
    this.control.send(typeof message === "string" ? message : Buffer.from(message));
  }

  /** The next message. */
  async next(): Promise<string | Uint8Array> {
    while (this.#inbox.length === 0) {
      if (this.#over) throw new Error("the channel was closed while a message was awaited");
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    return this.#inbox.shift() as string | Uint8Array;
  }

  /** Sends and waits for the answer. */
  ask(message: string | Uint8Array): Promise<string | Uint8Array> {
    this.send(message);
    return this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
  }
}
