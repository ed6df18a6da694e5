/**
 * A device session: from `hello` to the last word, across connections that break and come back.
 *
 * @module
 */
import { FRAME } from "../protocol/batch.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import {
  type DeviceMessage,
  parseDeviceMessage,
  PROTOCOL_VERSION,
  type SignallingMessage,
  type ToDevice,
  type Welcome,
} from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { StateInlet } from "../protocol/state_lane.ts";
import type { Principal } from "../hub/access.ts";
import { systemFlushTimers } from "../hub/flush.ts";
import { newResumeToken, sameResumeToken } from "../hub/resumption.ts";
import type { SessionRecord } from "../hub/session_log.ts";
import { Tally } from "../hub/tally.ts";
import { type LaneHandlers, type LaneNegotiation, NO_LANES, type StateLane } from "../transport/lane.ts";
import type { Watched } from "../transport/liveness.ts";
import type { Transport, TransportClosed, TransportHandlers, TransportKind } from "../transport/transport.ts";
import { Advertising } from "./advertising.ts";
import { ChannelTable } from "./channel_table.ts";
import { ClockSync } from "./clock_sync.ts";
import type { DeviceContext, EnrolmentTicket } from "./context.ts";
import type { LiveDevice } from "./directory.ts";
import { Uplink } from "./uplink.ts";

type Message<T extends DeviceMessage["type"]> = Extract<DeviceMessage, { type: T }>;

/** What outlives a broken connection. */
export interface ResumableDevice {
  device: string;
  record: SessionRecord;
  tally: Tally;
  producer: string;
  /** Why the connection ended; the session's end reason if nobody comes back. */
  reason: string;
}

type Stage =
  | { at: "hello" }
  | { at: "enrolling"; ticket: EnrolmentTicket; hello: Message<"hello"> }
  | { at: "open"; open: OpenSession }
  | { at: "closed" };

interface OpenSession {
  principal: Principal;
  device: string;
  record: SessionRecord;
  tally: Tally;
  resumeToken: string;
  producer: string;
  uplink: Uplink;
  advertising: Advertising;
  stopRevoked: () => void;
}

/** How often the gateway asks for a device's clock, in milliseconds. */
const CLOCK_EVERY_MS = 10_000;

/** How often the totals go on record, in milliseconds: what an operator sees of an open session is this old at most. */
const TOTALS_EVERY_MS = 2_000;

/** One device on one connection. */
export class DeviceSession implements TransportHandlers, Watched, LiveDevice {
  heardMs = 0;
  /** Device's name; empty before `welcome`. */
  device = "";
  /** Session's id; empty before `welcome`. */
  sessionId = "";
  #stage: Stage = { at: "hello" };
  readonly #clockSync = new ClockSync();
  #negotiation: LaneNegotiation | undefined;
  #lane: StateLane | undefined;
  /** What its state samples come over. */
  #way: TransportKind;
  #helloTimer: ReturnType<typeof setTimeout> | undefined;
  #clockTimer: ReturnType<typeof setInterval> | undefined;
  #totalsTimer: ReturnType<typeof setInterval> | undefined;

  /** @param principal Who the token says it is; undefined for a device that has none yet and may ask to be enrolled. */
  constructor(
    readonly context: DeviceContext,
    readonly transport: Transport,
    readonly principal: Principal | undefined,
  ) {
    this.#way = transport.kind;
    this.#helloTimer = setTimeout(
      () => this.end(CLOSE.helloTimeout, `no hello within ${context.helloTimeoutMs} ms`),
      context.helloTimeoutMs,
    );
    context.liveness.add(this);
    context.open.add(this);
  }

  get transportKind(): string {
    return this.#way;
  }

  get remote(): string {
    return this.transport.remote;
  }

  binary(bytes: Uint8Array): void {
    this.heardMs = this.context.liveness.nowMs();
    this.#guard(() => {
      const stage = this.#stage;
      if (stage.at === "closed") return;
      if (stage.at !== "open") {
        throw new ProtocolError(CLOSE.protocolOrder, "binary message before `welcome`");
      }
      if (bytes[0] === FRAME.batch) stage.open.uplink.batch(bytes);
      else if (bytes[0] === FRAME.ack) stage.open.advertising.acknowledged(bytes);
      else throw new ProtocolError(CLOSE.badFrame, `unknown frame kind ${bytes[0] ?? "(empty message)"}`);
    });
  }

  text(text: string): void {
    this.heardMs = this.context.liveness.nowMs();
    this.#guard(() => {
      if (this.#stage.at !== "closed") this.#control(parseDeviceMessage(text));
    });
  }

  closed(info: TransportClosed): void {
    const code = Object.values(CLOSE).find((entry) => entry.code === info.code);
    const lost = code === undefined && info.code !== 1005;
    this.#finish(code?.name ?? (lost ? "connection_lost" : "normal"), code?.reconnect ?? lost);
  }

  ping(): void {
    this.#send({ type: "ping" });
  }

  dead(): void {
    const silentMs = Math.round(this.context.liveness.nowMs() - this.heardMs);
    this.#closeWith(CLOSE.idle, `nothing heard for ${silentMs} ms`, true);
  }

  end(close: CloseCode, reason: string): void {
    this.#closeWith(close, reason, false);
  }

  handOver(session: string, token: string): void {
    if (this.#stage.at !== "open" || session !== this.sessionId) return;
    if (!sameResumeToken(token, this.#stage.open.resumeToken)) return;
    this.#closeWith(CLOSE.replaced, "the session was taken up on a newer connection", true);
  }

  #control(message: DeviceMessage): void {
    switch (message.type) {
      case "hello":
        return this.#hello(message);
      case "ping":
        return this.#send({ type: "pong", ...(message.id === undefined ? {} : { id: message.id }) });
      case "pong":
        return;
      case "clock":
        return this.#send({ type: "clock_reply", t: message.t, at: this.context.clock.nowUs() });
      case "bye":
        return this.end(CLOSE.normal, message.reason ?? "bye");
      case "clock_reply":
        return this.#clockReply(this.#open(message.type), message);
      case "advertise":
        return this.#open(message.type).advertising.advertise(message.channels);
      case "unadvertise":
        return this.#open(message.type).advertising.unadvertise(message.channels);
      case "result":
        return this.#open(message.type).advertising.result(message);
      case "error":
        return this.#open(message.type).record.event("peer_error", {
          code: message.code,
          message: message.message,
        });
      case "offer":
      case "answer":
      case "candidate":
      case "reject":
        return this.#signal(this.#open(message.type), message);
      case "moved":
        return this.#moved(this.#open(message.type), message.to, message.cause);
      default:
        message satisfies never;
    }
  }

  #signal(open: OpenSession, message: SignallingMessage): void {
    const { lanes } = this.context;
    if (!lanes) return this.#send({ type: "reject", reason: NO_LANES });
    this.#negotiation ??= lanes({
      remote: this.remote,
      send: (answer) => this.#send(answer),
      opened: (lane) => this.#laneOpened(open, lane),
      event: (kind, detail) => open.record.event(kind, detail),
    });
    this.#negotiation.message(message);
  }

  #laneOpened(open: OpenSession, lane: StateLane): LaneHandlers {
    const inlet = new StateInlet(lane, systemFlushTimers, (batch) => open.uplink.state(batch));
    this.#lane = lane;
    return {
      message: (bytes) => this.#guard(() => inlet.message(bytes)),
      closed: (cause) => {
        inlet.close();
        open.tally.retire(lane.traffic);
        if (this.#lane === lane) this.#lane = undefined;
        if (this.#way === "webrtc") this.#moved(open, "websocket", cause);
      },
    };
  }

  /** The device's samples take another way from here on. */
  #moved(open: OpenSession, to: TransportKind, cause: string): void {
    if (this.#stage.at !== "open" || this.#way === to) return;
    this.#way = to;
    open.record.event("moved", { to, cause });
    open.record.describe({ transport: to });
    this.context.directory.moved(this);
  }

  #open(type: string): OpenSession {
    if (this.#stage.at === "open") return this.#stage.open;
    throw new ProtocolError(CLOSE.protocolOrder, `${type} before \`welcome\``);
  }

  #hello(hello: Message<"hello">): void {
    if (this.#stage.at !== "hello") throw new ProtocolError(CLOSE.protocolOrder, "a second hello");
    clearTimeout(this.#helloTimer);
    if (this.principal) return this.#welcome(hello, this.principal);
    const { enrolment } = this.context;
    if (!hello.enrol || !enrolment) {
      throw new ProtocolError(CLOSE.unauthorized, "no token; a new device asks with `hello.enrol`");
    }
    const ticket = enrolment.request({ ...hello.enrol, remote: this.remote });
    this.#stage = { at: "enrolling", ticket, hello };
    this.#send({ type: "enrolment", status: "pending", code: ticket.code });
    ticket.decided.then(
      ({ token, principal }) => {
        if (this.#stage.at !== "enrolling") return;
        this.#send({ type: "enrolled", device: principal.device!, token });
        this.#welcome(hello, principal);
      },
      (error: Error) => this.end(CLOSE.rejected, error.message),
    );
  }

  #welcome(hello: Message<"hello">, principal: Principal): void {
    const { context } = this;
    const device = principal.device!;
    if (hello.resume) context.directory.get(device)?.handOver?.(hello.resume.session, hello.resume.token);
    const { session = "", token = "" } = hello.resume ?? {};
    const resumed = context.resumption.take(session, token, (parked) => parked.device === device);
    const record = resumed?.record ?? context.sessionLog.open({
      role: "device",
      device,
      tokenId: principal.tokenId,
      label: principal.label,
      remote: this.remote,
      transport: this.transport.kind,
    });
    const tally = resumed?.tally ?? new Tally(context.counters, "device_drops");
    record.describe({ remote: this.remote, ...(hello.client === undefined ? {} : { client: hello.client }) });
    record.event(resumed ? "resumed" : "opened", { remote: this.remote, transport: this.transport.kind });
    const channels = new ChannelTable();
    const producer = hello.producer ?? resumed?.producer ?? record.id;
    const transmit = (message: string | Uint8Array) => this.#transmit(message);
    const { hub, clock, recorder, downlink } = context;
    const uplink = new Uplink({
      hub,
      clock,
      channels,
      tally,
      clockSync: this.#clockSync,
      session: record.number,
      producer,
      mode: hello.clock ?? "arrival",
      sendAck: transmit,
    });
    const open: OpenSession = {
      principal,
      device,
      record,
      tally,
      resumeToken: newResumeToken(),
      producer,
      uplink,
      advertising: new Advertising({
        device,
        producer,
        hub,
        recorder,
        downlink,
        uplink,
        channels,
        tally,
        record,
        transmit,
      }),
      stopRevoked: context.authorizer.onRevoked(
        principal.tokenId,
        () => this.end(CLOSE.unauthorized, "the token was revoked"),
      ),
    };
    this.#stage = { at: "open", open };
    this.device = device;
    this.sessionId = record.id;
    this.#send({
      type: "welcome",
      protocol: PROTOCOL_VERSION,
      gateway: context.gateway,
      epoch: context.hub.epoch,
      session: record.id,
      resume: open.resumeToken,
      resumed: resumed !== undefined,
      time: context.clock.nowUs(),
      limits: context.limits,
      device,
      ...this.#iceServers(),
    });
    context.directory.arrived(this);
    // A former session of this device that waits to be taken up will not be: this one has its name now.
    context.resumption.release(
      (other) => other.record.close(other.reason, other.tally.totals()),
      (other) => other.device === device,
    );
    this.#askClock();
    this.#clockTimer = setInterval(() => this.#askClock(), CLOCK_EVERY_MS);
    this.#totalsTimer = setInterval(
      () => record.totals(tally.totals(this.transport.traffic, this.#lane?.traffic)),
      TOTALS_EVERY_MS,
    );
  }

  #iceServers(): Pick<Welcome, "iceServers"> {
    const iceServers = this.context.iceServers?.(this.device);
    return iceServers === undefined ? {} : { iceServers };
  }

  #askClock(): void {
    this.#send({ type: "clock", t: this.context.clock.nowUs() });
  }

  #clockReply(open: OpenSession, { t, at }: Message<"clock_reply">): void {
    const nowUs = this.context.clock.nowUs();
    if (t > nowUs) return;
    this.#clockSync.exchange(t, nowUs, at);
    open.tally.roundTripUs = this.#clockSync.roundTripUs;
  }

  /** Peer's faults become a close code and a counter; anything else is ours and ends only this session. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.context.counters.add("protocol_errors", error.close.name);
        this.#send({ type: "error", code: error.close.name, message: error.message.slice(0, 1000) });
        this.#closeWith(error.close, error.message, error.close.reconnect);
      } else {
        this.context.fault(`device session ${this.device}`, error);
        this.#closeWith(CLOSE.internal, "internal error", true);
      }
    }
  }

  #closeWith(close: CloseCode, reason: string, resumable: boolean): void {
    if (this.#stage.at === "closed") return;
    const bye = { type: "bye", code: close.code, reason: reason.slice(0, 1000), reconnect: close.reconnect };
    this.transport.send(JSON.stringify(bye), "control");
    this.#finish(close.name, resumable, reason);
    this.transport.close(close, reason);
  }

  #finish(name: string, resumable: boolean, detail?: string): void {
    const stage = this.#stage;
    if (stage.at === "closed") return;
    this.#stage = { at: "closed" };
    clearTimeout(this.#helloTimer);
    clearInterval(this.#clockTimer);
    clearInterval(this.#totalsTimer);
    this.context.liveness.remove(this);
    this.context.open.delete(this);
    this.#negotiation?.close();
    if (stage.at === "enrolling") stage.ticket.withdraw();
    if (stage.at === "open") this.#finishOpen(stage.open, name, resumable, detail);
  }

  #finishOpen(open: OpenSession, name: string, resumable: boolean, detail?: string): void {
    const { context } = this;
    const { record, tally, device, producer } = open;
    open.stopRevoked();
    open.uplink.close();
    open.advertising.close();
    tally.retire(this.transport.traffic);
    if (resumable) {
      record.event("disconnected", { reason: name });
      record.totals(tally.totals());
      context.resumption.park(
        record.id,
        open.resumeToken,
        { device, record, tally, producer, reason: name },
        (parked) => parked.record.close(parked.reason, parked.tally.totals()),
      );
    } else {
      if (detail !== undefined) record.event("closed", { reason: name, detail });
      record.close(name, tally.totals());
    }
    context.directory.departed(this, name);
  }

  #send(message: ToDevice): void {
    this.#transmit(JSON.stringify(message));
  }

  /** What is refused is missing from then on; a device that begins anew gets all that it needs again. */
  #transmit(message: string | Uint8Array): void {
    if (this.#stage.at === "closed" || this.transport.send(message, "control") || !this.transport.open) {
      return;
    }
    this.#closeWith(CLOSE.slowConsumer, `${this.transport.bufferedBytes} bytes wait unread`, true);
  }
}
