/**
 * The life of a session: connect, say hello, stay alive, and connect again until told not to. Devices and
 * dashboards differ only in what they put into the hello and in the messages of their role.
 *
 * @module
 */
import { CLOSE } from "../protocol/close_codes.ts";
import {
  type DashboardMessage,
  type DeviceMessage,
  PROTOCOL_VERSION,
  type Welcome,
} from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { LaneMove } from "../protocol/lane_health.ts";
import type { RawLane } from "../protocol/state_lane.ts";
import { Attempts } from "./backoff.ts";
import type { GatewayClock } from "./clock.ts";
import { Doubt } from "./doubt.ts";
import type { Environment } from "./environment.ts";
import { ClosedError } from "./errors.ts";
import { type Bye, farewell } from "./farewell.ts";
import { FIRST_EXCHANGE_INTERVAL_MS, Heartbeat } from "./heartbeat.ts";
import { LaneDialer, type LaneListener } from "./lane_dialer.ts";
import type { SessionOptions, SessionRole, SharedMessage } from "./session_role.ts";
import { type Status, StatusBoard } from "./status.ts";
import type { ClientTransport, Lane, TransportKind } from "./transport.ts";

/**
 * Deadline from the start of an attempt to `welcome`, in milliseconds: more than the slowest TLS handshake
 * over a satellite.
 */
export const CONNECT_TIMEOUT_MS = 15_000;

/** Where a session begins. */
const BEGINNINGS = {
  websocket: "every session begins on the WebSocket",
  datachannel: "this session has no WebSocket",
  webrtc: "",
} as const satisfies Record<TransportKind, string>;

interface Resume {
  session: string;
  token: string;
}

/** One session over as many connections as it takes. */
export class Session {
  readonly board = new StatusBoard();
  readonly #heartbeat = new Heartbeat();
  readonly #doubt: Doubt;
  #role: SessionRole;
  #env: Environment;
  #options: SessionOptions;
  #transport: ClientTransport | undefined;
  #welcome: Welcome | undefined;
  #resume: Resume | undefined;
  #enrolledToken: string | undefined;
  readonly #attempts: Attempts;
  #openedAtUs = 0;
  #helloSent = false;
  #helloAtUs = 0;
  #bye: Bye | undefined;
  #stopTimer: () => void = () => {};
  readonly #stopNetwork: (() => void)[];
  #lanes: LaneDialer;
  #way: { transport: TransportKind; cause: string } = { transport: "websocket", cause: "" };

  constructor(role: SessionRole, options: SessionOptions) {
    this.#role = role;
    this.#options = options;
    this.#env = options.env;
    this.#attempts = new Attempts(options.backoff);
    this.#stopNetwork = [
      options.env.onOnline(() => {
        this.retryNow();
        this.#lanes.retryNow();
        this.#doubted("the machine has a network again");
      }),
      options.env.onNetworkChange(() => this.#doubted("the machine's network has changed")),
    ];
    this.#doubt = new Doubt(options.env, {
      ask: () => this.#exchange(),
      heardUs: () => this.#heartbeat.heardUs,
      roundTripMs: () => (this.clock.roundTripUs ?? 0) / 1_000,
      silent: (reason) => this.#lost(CLOSE.idle.code, reason),
    });
    this.#lanes = new LaneDialer(options.env, {
      send: (message) => this.send(message),
      opened: (lane) => this.#laneOpened(lane),
      doubtful: (cause) => this.#doubted(`state lane: ${cause}`),
      failed: (cause) => this.#wayIs({ transport: "websocket", cause: `no WebRTC: ${cause}` }),
    });
  }

  /** Starts the first attempt; apart from the constructor so that the role is complete before it is called. */
  start(): void {
    this.#connect();
  }

  get open(): boolean {
    return this.#welcome !== undefined;
  }

  get clock(): GatewayClock {
    return this.#heartbeat.clock;
  }

  /** Everything sent on this connection before this moment of our clock has reached the gateway. */
  get confirmedUs(): number {
    return this.#heartbeat.confirmedUs;
  }

  /** Whether an enrolment gave it a token. */
  get hasToken(): boolean {
    return this.#enrolledToken !== undefined;
  }

  get ended(): boolean {
    return this.board.status.state === "closed";
  }

  /** Gateway time now, microseconds. */
  nowUs(): number {
    return this.clock.toGatewayUs(this.#env.nowUs());
  }

  /** Gateway time when the gateway was last heard. */
  get lastHeardUs(): number {
    return this.clock.toGatewayUs(this.#heartbeat.heardUs);
  }

  /** Resolves when the session is open; rejects with {@link ClosedError} when it never will be. */
  opened(): Promise<void> {
    return this.board.opened();
  }

  /** Sends a control message on the open session. */
  send(message: DeviceMessage | DashboardMessage): void {
    this.#transport?.send(JSON.stringify(message), "control");
  }

  /** Sends a frame on the open session; it is copied. */
  sendFrame(frame: Uint8Array, lane: Lane): void {
    this.#transport?.send(frame, lane);
  }

  /** This side's state samples take another way from here on. */
  moved(move: LaneMove): void {
    const { cause } = move;
    const to = move.to === "webrtc" ? move.to : this.#transport?.kind ?? "websocket";
    this.send({ type: "moved", to, cause: cause.slice(0, 1000) });
    this.#wayIs({ transport: to, cause });
    if (to === "websocket") this.#doubted(cause);
  }

  /** Cuts the wait before the next attempt short; does nothing in any other state. */
  retryNow(): void {
    if (this.board.status.state === "waiting") this.#connect();
  }

  /** Gives the session up and starts a fresh one at once. */
  restart(reason: string): void {
    this.#resume = undefined;
    this.#drop(CLOSE.normal.code, reason);
    this.#wait(reason);
  }

  /** Ends the session for good. */
  close(reason: string): void {
    if (this.ended) return;
    if (this.open) this.send({ type: "bye", reason });
    this.#drop(CLOSE.normal.code, reason);
    this.#end(reason);
  }

  /** Handles the messages that devices and dashboards share. */
  shared(message: Exclude<SharedMessage, { type: "error" }>): void {
    switch (message.type) {
      case "welcome":
        return this.#welcomed(message);
      case "ping":
        return this.send(message.id === undefined ? { type: "pong" } : { type: "pong", id: message.id });
      case "pong":
        return message.id === undefined ? undefined : this.#role.pong?.(message.id);
      case "clock":
        return this.send({ type: "clock_reply", t: message.t, at: this.nowUs() });
      case "clock_reply":
        return this.#clockReply(message.t, message.at);
      case "bye":
        return void (this.#bye = message);
      case "enrolment":
        // the welcome comes when a person decides, so it will say nothing of the clock; these exchanges do
        this.clock.reset();
        this.#stopTimer();
        this.#beat();
        return this.board.set({ state: "enrolling", code: message.code });
      case "enrolled":
        this.#enrolledToken = message.token;
        return this.#role.enrolled?.(message.device, message.token);
      case "offer":
      case "answer":
      case "candidate":
      case "reject":
        return this.#lanes.message(message);
      case "moved":
        return this.#wayIs({ transport: message.to, cause: message.cause });
      default:
        message satisfies never;
    }
  }

  #connect(): void {
    this.#stopTimer();
    this.board.set({ state: "connecting", attempt: this.#attempts.number });
    if (this.ended) return;
    this.#bye = undefined;
    this.#helloSent = false;
    this.#schedule(() => this.#lost(1006, `no welcome within ${CONNECT_TIMEOUT_MS} ms`), CONNECT_TIMEOUT_MS);
    const guard = (handle: () => void) => {
      if (this.#transport === transport || transport === undefined) this.#guarded(handle);
    };
    let transport: ClientTransport | undefined;
    try {
      transport = this.#options.dial(this.#enrolledToken)({
        opened: () => guard(() => this.#hello()),
        text: (text) => guard(() => this.#role.text(text)),
        binary: (bytes) => guard(() => this.#role.binary(bytes)),
        closed: ({ code, reason }) => guard(() => this.#closedByPeer(code, reason)),
      });
    } catch (error) {
      return this.#lost(1006, `cannot connect: ${(error as Error).message}`);
    }
    this.#transport = transport;
  }

  /** Runs a handler; what the gateway broke ends the connection with its close code, and another one is tried. */
  #guarded(handle: () => void): void {
    this.#heartbeat.heardUs = this.#env.nowUs();
    try {
      handle();
    } catch (error) {
      this.#broken(error);
    }
  }

  #broken(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.#lost(error.close.code, `the gateway broke the protocol: ${error.message}`);
  }

  #hello(): void {
    this.#helloSent = true;
    this.#helloAtUs = this.#env.nowUs();
    const hello = {
      type: "hello" as const,
      protocol: PROTOCOL_VERSION,
      ...this.#role.hello(),
      ...(this.#resume ? { resume: this.#resume } : {}),
    };
    this.send(hello);
  }

  #welcomed(welcome: Welcome): void {
    if (this.#welcome) throw new ProtocolError(CLOSE.protocolOrder, "a second welcome on one connection");
    const transport = this.#transport;
    if (!transport) return;
    const nowUs = this.#env.nowUs();
    if (this.board.status.state !== "enrolling") this.clock.reset();
    if (!this.clock.known) this.clock.exchanged(this.#helloAtUs, welcome.time, nowUs);
    this.#welcome = welcome;
    this.#openedAtUs = nowUs;
    this.#heartbeat.opened(nowUs, welcome.limits);
    this.#resume = { session: welcome.session, token: welcome.resume };
    this.#stopTimer();
    this.#schedule(() => this.#beat(), FIRST_EXCHANGE_INTERVAL_MS);
    this.#way = { transport: transport.kind, cause: BEGINNINGS[transport.kind] };
    this.#role.opened(welcome, transport);
    this.#tellOpen();
    if (this.#welcome !== welcome) return;
    if (transport.openLane) transport.openLane((lane) => this.#laneOpened(lane));
    else if (welcome.iceServers) this.#lanes.start(welcome.iceServers);
  }

  #laneOpened(lane: RawLane): LaneListener {
    const listener = this.#role.laneOpened(lane);
    return {
      message: (bytes) => {
        try {
          listener.message(bytes);
        } catch (error) {
          this.#broken(error);
        }
      },
      closed: (cause) => listener.closed(cause),
    };
  }

  #wayIs(way: { transport: TransportKind; cause: string }): void {
    this.#way = way;
    this.#tellOpen();
  }

  #tellOpen(): void {
    if (!this.#welcome || !this.#transport) return;
    this.board.set({
      state: "open",
      session: this.#welcome.session,
      transport: this.#way.transport,
      transportCause: this.#way.cause,
      roundTripMs: (this.clock.roundTripUs ?? 0) / 1000,
      clockErrorMs: this.clock.errorUs(this.#env.nowUs()) / 1000,
      resumed: this.#welcome.resumed,
    });
  }

  /** Tells whether the peer is still there, and asks for its clock: the answer is a sign of life both ways. */
  #beat(): void {
    const nowUs = this.#env.nowUs();
    const silence = this.#heartbeat.silence(nowUs);
    if (silence !== undefined) return this.#lost(CLOSE.idle.code, silence);
    this.#exchange();
    this.#schedule(() => this.#beat(), this.#heartbeat.nextMs(nowUs));
  }

  #exchange(): void {
    if (this.#welcome) this.#role.beforeExchange?.();
    this.send({ type: "clock", t: this.#env.nowUs() });
  }

  /** A WebSocket is told of nothing when its path goes; data channels look for another one by themselves. */
  #doubted(cause: string): void {
    if (this.#welcome && this.#transport?.kind === "websocket") this.#doubt.raise(cause);
  }

  #clockReply(sentUs: number, gatewayUs: number): void {
    this.#heartbeat.answered(sentUs, gatewayUs, this.#env.nowUs());
    this.#tellOpen();
  }

  #closedByPeer(code: number, reason: string): void {
    const { told, reconnect } = farewell({ code, reason, bye: this.#bye, wasOpen: this.#helloSent });
    if (reconnect) return this.#lost(code, told);
    this.#drop(code, told);
    this.#end(told);
  }

  /** The connection is of no use any more: leave it and try another one. */
  #lost(code: number, reason: string): void {
    this.#drop(code, reason);
    this.#wait(reason);
  }

  #drop(code: number, reason: string): void {
    this.#stopTimer();
    const transport = this.#transport;
    const wasOpen = this.#welcome !== undefined;
    this.#transport = undefined;
    this.#welcome = undefined;
    this.#heartbeat.lost();
    this.#doubt.end();
    this.#lanes.stop(reason);
    transport?.close(code, reason);
    if (!wasOpen) return;
    this.#attempts.sessionEnded((this.#env.nowUs() - this.#openedAtUs) / 1000);
    this.#role.lost();
  }

  #wait(reason: string): void {
    if (this.ended) return;
    const retryInMs = this.#attempts.failed(this.#env.random());
    this.#schedule(() => this.#connect(), retryInMs);
    this.board.set({ state: "waiting", retryInMs, reason });
  }

  #end(reason: string): void {
    for (const stop of this.#stopNetwork) stop();
    this.board.set({ state: "closed", reason } satisfies Status);
    this.#role.closed(new ClosedError(reason));
  }

  #schedule(callback: () => void, delayMs: number): void {
    this.#stopTimer = this.#env.timer(callback, delayMs);
  }
}
