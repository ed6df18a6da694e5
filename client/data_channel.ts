/**
 * A session over WebRTC alone, for where no WebSocket gets through: the reliable data channel `control` takes the
 * place of the WebSocket, `state` is the state lane beside it, and what sets them up are plain HTTP requests.
 *
 * @module
 */
import type { RawLane } from "../protocol/state_lane.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import type { Environment } from "./environment.ts";
import { HttpSignals, SignalRefused } from "./http_signals.ts";
import type { LaneListener } from "./lane_dialer.ts";
import {
  bytesOf,
  type DataChannelLike,
  type PeerConnectionLike,
  rawLane,
  sendWhileOpen,
} from "./rtc_types.ts";
import { renewedAnswer, writeFragment } from "./sdp.ts";
import type { ClientTransport, ClientTransportHandlers, Dial, Lane } from "./transport.ts";

/** A gateway of which nothing was heard on either channel for so long is gone, in milliseconds: it answers or probes every few seconds. */
const SILENT_AFTER_MS = 10_000;

/** Candidates that are found within so many milliseconds of each other travel together. */
const GATHER_MS = 20;

/** How long the peer connection outlives its session, in milliseconds, while the gateway is told that it is over. */
const LEAVE_WITHIN_MS = 2_000;

/**
 * Makes a function that connects to the endpoint at `url` without a WebSocket.
 *
 * @throws {TypeError} where the runtime has no WebRTC.
 */
export function dataChannelDial(env: Environment, url: string, token: string | undefined): Dial {
  const { RTCPeerConnection: PeerConnection } = env;
  if (!PeerConnection) {
    throw new TypeError(
      'signalling "http" needs RTCPeerConnection: use a browser, or pass environment.RTCPeerConnection',
    );
  }
  return (handlers) =>
    new DataChannelTransport(
      env,
      new PeerConnection({ iceServers: [] }),
      new HttpSignals(env.fetch, url, token),
      handlers,
    );
}

/** How often a restart of ICE is tried that cannot be told the gateway, and how long between, in milliseconds. */
const RESTARTS = 5;
const RESTART_AGAIN_MS = 1_000;

class DataChannelTransport implements ClientTransport {
  readonly kind = "datachannel";
  readonly #env: Environment;
  readonly #connection: PeerConnectionLike;
  readonly #signals: HttpSignals;
  readonly #handlers: ClientTransportHandlers;
  readonly #control: DataChannelLike;
  readonly #state: DataChannelLike;
  readonly #stopOnline: () => void;
  /** Our description, and the gateway's; empty while the gateway has not answered. */
  #offer = "";
  #answer = "";
  #found: string[] = [];
  #foundAll = false;
  #telling = false;
  #restarting = false;
  /** Restarts of ICE in a row that could not be told the gateway. */
  #failures = 0;
  #ended = false;
  #heardUs = 0;
  #stopWatch: () => void = () => {};
  #openLane: ((lane: RawLane) => LaneListener) | undefined;
  #listener: LaneListener | undefined;

  constructor(
    env: Environment,
    connection: PeerConnectionLike,
    signals: HttpSignals,
    handlers: ClientTransportHandlers,
  ) {
    this.#env = env;
    this.#connection = connection;
    this.#signals = signals;
    this.#handlers = handlers;
    this.#control = connection.createDataChannel("control", { ordered: true });
    this.#state = connection.createDataChannel("state", { ordered: false });
    this.#listen();
    this.#stopOnline = env.onOnline(() => this.#restart());
    this.#connect().catch((error) => this.#failed(error));
  }

  get bufferedBytes(): number {
    return this.#control.bufferedAmount;
  }

  send(message: string | Uint8Array, _lane: Lane): void {
    if (!this.#ended) sendWhileOpen(this.#control, message);
  }

  openLane(opened: (lane: RawLane) => LaneListener): void {
    this.#openLane = opened;
    this.#joinLane();
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#retire(reason);
    // otherwise the session waits for its resumption
    if (code === CLOSE.normal.code) this.#leave();
    else this.#connection.close();
  }

  /** A gateway that sees the connection go first takes the session for lost. */
  #leave(): void {
    const stop = this.#env.timer(() => this.#connection.close(), LEAVE_WITHIN_MS);
    void this.#signals.end().then(() => {
      stop();
      this.#connection.close();
    });
  }

  #listen(): void {
    const connection = this.#connection;
    for (const channel of [this.#control, this.#state]) {
      channel.binaryType = "arraybuffer";
      channel.onerror = () => {};
    }
    this.#control.onopen = () => {
      if (this.#ended) return;
      this.#heardUs = this.#env.nowUs();
      this.#handlers.opened();
    };
    this.#control.onmessage = ({ data }: { data: unknown }) => {
      if (this.#ended) return;
      this.#heardUs = this.#env.nowUs();
      const bytes = bytesOf(data);
      if (typeof data === "string") this.#handlers.text(data);
      else if (bytes) this.#handlers.binary(bytes);
    };
    this.#control.onclose = () => this.#end(1006, "the gateway closed the control channel");
    this.#state.onopen = () => this.#joinLane();
    this.#state.onmessage = ({ data }: { data: unknown }) => {
      const bytes = bytesOf(data);
      if (this.#ended || !bytes) return;
      this.#heardUs = this.#env.nowUs();
      this.#listener?.message(bytes);
    };
    this.#state.onclose = () => this.#leaveLane("the state channel was closed");
    connection.onicecandidate = ({ candidate }: { candidate: { candidate?: string } | null }) => {
      if (candidate?.candidate) this.#found.push(candidate.candidate.replace(/^a=/, ""));
      else this.#foundAll = true;
      this.#tell();
    };
    connection.onconnectionstatechange = () => {
      const { connectionState } = connection;
      if (connectionState === "failed") this.#end(1006, "no path, or the path is gone");
      if (connectionState === "disconnected") this.#restart();
    };
  }

  /** The offer goes out without candidates: the answer names the servers that help to find them. */
  async #connect(): Promise<void> {
    const connection = this.#connection;
    const { sdp = "" } = await connection.createOffer();
    const { answer, iceServers } = await this.#signals.offer(sdp);
    if (this.#ended) return await this.#signals.end();
    if (iceServers.length > 0) connection.setConfiguration?.({ iceServers });
    this.#offer = sdp;
    await connection.setLocalDescription({ type: "offer", sdp });
    await connection.setRemoteDescription({ type: "answer", sdp: answer });
    this.#answer = answer;
    this.#tell();
  }

  /** Tells the gateway of the candidates found, those of a moment together. */
  #tell(): void {
    if (this.#telling || this.#restarting || this.#answer === "") return;
    if (this.#found.length === 0 && !this.#foundAll) return;
    this.#telling = true;
    this.#env.timer(() => {
      this.#telling = false;
      if (this.#ended || this.#restarting) return;
      const fragment = writeFragment(this.#offer, this.#found.splice(0), this.#foundAll);
      this.#foundAll = false;
      // where it cannot be told, the gateway learns the path from our checks
      this.#signals.trickle(fragment).catch(() => {});
    }, GATHER_MS);
  }

  /** Looks for another path: the machine has another network, or nothing gets through. */
  #restart(): void {
    if (this.#ended || this.#restarting || this.#answer === "") return;
    this.#restarting = true;
    this.#renew().then(() => {
      this.#restarting = false;
      this.#failures = 0;
      this.#tell();
    }, (error) => {
      // requests fail while the machine is between two networks
      if (error instanceof SignalRefused || ++this.#failures >= RESTARTS) return this.#failed(error);
      this.#env.timer(() => {
        this.#restarting = false;
        this.#restart();
      }, RESTART_AGAIN_MS);
    });
  }

  async #renew(): Promise<void> {
    const connection = this.#connection;
    const { sdp = "" } = await connection.createOffer({ iceRestart: true });
    this.#found = [];
    this.#foundAll = false;
    await connection.setLocalDescription({ type: "offer", sdp });
    this.#offer = sdp;
    const { credentials, candidates } = await this.#signals.restart(writeFragment(sdp, [], false));
    if (this.#ended) return;
    this.#answer = renewedAnswer(this.#answer, credentials, candidates);
    await connection.setRemoteDescription({ type: "answer", sdp: this.#answer });
  }

  #joinLane(): void {
    if (this.#ended || this.#listener || !this.#openLane || this.#state.readyState !== "open") return;
    this.#listener = this.#openLane(rawLane(this.#state));
    this.#watch();
  }

  /** With a state lane the gateway is heard every few seconds; without that it is gone. */
  #watch(): void {
    if (this.#ended || !this.#listener) return;
    const silentMs = (this.#env.nowUs() - this.#heardUs) / 1_000;
    if (silentMs >= SILENT_AFTER_MS) {
      return this.#end(1006, `nothing was heard for ${Math.round(silentMs / 1_000)} s`);
    }
    this.#stopWatch = this.#env.timer(() => this.#watch(), SILENT_AFTER_MS - silentMs + 1);
  }

  #leaveLane(cause: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#stopWatch();
    listener?.closed(cause);
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const status = error instanceof SignalRefused ? error.status : 0;
    const denied = status === 401 || status === 403;
    this.#end(denied ? CLOSE.unauthorized.code : 1006, message);
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#retire(reason);
    this.#connection.close();
    this.#handlers.closed({ code, reason });
  }

  #retire(reason: string): void {
    this.#ended = true;
    this.#stopOnline();
    this.#leaveLane(reason);
  }
}
