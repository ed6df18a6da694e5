/**
 * A device session: from `hello` to the last word, across connections that break and come back.
 *
 * @module
 */
import { FRAME } from "../protocol/batch.ts";
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import { type DeviceMessage, parseDeviceMessage, type ToDevice } from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { BASELINE_BYTES } from "../protocol/limits.ts";
import { StateInlet } from "../protocol/state_lane.ts";
import type { Principal } from "../hub/access.ts";
import { systemFlushTimers } from "../hub/flush.ts";
import { sameResumeToken } from "../hub/resumption.ts";
import { Connection, type Ending } from "../sessions/connection.ts";
import { LaneSlot } from "../sessions/lane_slot.ts";
import { LastingSession, letGo, TOTALS_EVERY_MS } from "../sessions/lasting.ts";
import type { LaneHandlers, StateLane } from "../transport/lane.ts";
import type { Transport, TransportKind } from "../transport/transport.ts";
import type { SessionWay } from "../transport/way.ts";
import { Advertising } from "./advertising.ts";
import { ChannelTable } from "./channel_table.ts";
import { ClockSync } from "./clock_sync.ts";
import type { DeviceContext, EnrolmentTicket, ResumableDevice } from "./context.ts";
import type { LiveDevice } from "./directory.ts";
import { Uplink } from "./uplink.ts";

type Message<T extends DeviceMessage["type"]> = Extract<DeviceMessage, { type: T }>;

type Stage =
  | { at: "hello" }
  | { at: "enrolling"; ticket: EnrolmentTicket }
  | { at: "open"; open: OpenSession }
  | { at: "closed" };

interface OpenSession {
  session: LastingSession<ResumableDevice>;
  own: ResumableDevice;
  lane: LaneSlot;
  uplink: Uplink;
  advertising: Advertising;
}

/** The gateway asks for a device's clock each time its totals went on record so often: every 10 s. */
const TOTALS_PER_CLOCK = 5;

/** One device on one connection. */
export class DeviceSession implements LiveDevice {
  /** Device's name; empty before `welcome`. */
  device = "";
  /** Session's id; empty before `welcome`. */
  sessionId = "";
  readonly connection: Connection<DeviceMessage, ToDevice>;
  #stage: Stage = { at: "hello" };
  readonly #clockSync = new ClockSync();
  /** What its state samples come over. */
  #way: TransportKind;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ticks = 0;

  /** @param principal Who the token says it is; undefined for a device that has none yet and may ask to be enrolled. */
  constructor(
    readonly context: DeviceContext,
    readonly transport: Transport,
    readonly principal: Principal | undefined,
  ) {
    this.#way = transport.kind;
    this.connection = new Connection(context, transport, {
      name: () => `device session ${this.device}`,
      parse: parseDeviceMessage,
      control: (message) => this.#control(message),
      binary: (bytes) => this.#binary(bytes),
      way: () => this.#wayOf(),
      over: (ending) => this.#over(ending),
    });
  }

  get transportKind(): string {
    return this.#way;
  }

  get remote(): string {
    return this.transport.remote;
  }

  end(close: CloseCode, reason: string): void {
    this.connection.end(close, reason);
  }

  handOver(session: string, token: string): void {
    if (this.#stage.at !== "open" || session !== this.sessionId) return;
    if (!sameResumeToken(token, this.#stage.open.session.token)) return;
    this.connection.close(CLOSE.replaced, "the session was taken up on a newer connection", true);
  }

  #binary(bytes: Uint8Array): void {
    const { uplink, advertising } = this.#open("binary message");
    if (bytes[0] === FRAME.batch) {
      uplink.batch(bytes);
      this.context.flushes.arrived(this.connection.heardMs);
    } else if (bytes[0] === FRAME.ack) advertising.acknowledged(bytes);
    else throw new ProtocolError(CLOSE.badFrame, `unknown frame kind ${bytes[0] ?? "(empty message)"}`);
  }

  #control(message: DeviceMessage): void {
    switch (message.type) {
      case "hello":
        return this.#hello(message);
      case "ping":
      case "pong":
      case "clock":
      case "bye":
        return this.connection.answer(message);
      case "clock_reply":
        return this.#clockReply(this.#open(message.type), message);
      case "advertise":
        return this.#open(message.type).advertising.advertise(message.channels);
      case "unadvertise":
        return this.#open(message.type).advertising.unadvertise(message.channels);
      case "result":
        return this.#open(message.type).advertising.result(message);
      case "error":
        return this.#open(message.type).session.peerError(message);
      case "offer":
      case "answer":
      case "candidate":
      case "reject":
        return this.#open(message.type).lane.signal(message);
      case "moved":
        return this.#moved(this.#open(message.type).session, message.to, message.cause);
      default:
        message satisfies never;
    }
  }

  #open(type: string): OpenSession {
    if (this.#stage.at === "open") return this.#stage.open;
    throw new ProtocolError(CLOSE.protocolOrder, `${type} before \`welcome\``);
  }

  #hello(hello: Message<"hello">): void {
    if (this.#stage.at !== "hello") throw new ProtocolError(CLOSE.protocolOrder, "a second hello");
    this.connection.greeted();
    if (this.principal) return this.#welcome(hello, this.principal);
    const { enrolment } = this.context;
    if (!hello.enrol || !enrolment) {
      throw new ProtocolError(CLOSE.unauthorized, "no token; a new device asks with `hello.enrol`");
    }
    const ticket = enrolment.request({ ...hello.enrol, remote: this.remote });
    this.#stage = { at: "enrolling", ticket };
    this.connection.send({ type: "enrolment", status: "pending", code: ticket.code });
    ticket.decided.then(
      ({ token, principal }) => {
        if (this.#stage.at !== "enrolling") return;
        this.connection.send({ type: "enrolled", device: principal.device!, token });
        this.#welcome(hello, principal);
      },
      (error: Error) => this.end(CLOSE.rejected, error.message),
    );
  }

  #welcome(hello: Message<"hello">, principal: Principal): void {
    const { context, transport, connection } = this;
    const device = principal.device!;
    if (hello.resume) context.directory.get(device)?.handOver?.(hello.resume.session, hello.resume.token);
    const session = new LastingSession<ResumableDevice>({
      context,
      transport,
      principal,
      resumption: context.resumption,
      mine: (own) => own.device === device,
      hello,
      drops: "device_drops",
    });
    connection.endWhenRevoked(principal.tokenId);
    const producer = hello.producer ?? session.kept?.producer ?? session.record.id;
    const open = this.#parts(session, { device, producer }, hello.clock ?? "arrival");
    this.#stage = { at: "open", open };
    this.device = device;
    this.sessionId = session.record.id;
    connection.send(
      session.welcome({ device, ...(context.iceServers ? { keptBytes: BASELINE_BYTES } : {}) }),
    );
    if (connection.over) return; // it refused even that
    open.lane.begin();
    context.directory.arrived(this);
    // A former session of this device that waits to be taken up will not be: this one has its name now.
    context.resumption.release(letGo, ({ own }) => own.device === device);
    this.#askClock();
    this.#timer = setInterval(() => this.#tick(open), TOTALS_EVERY_MS);
  }

  #tick({ session, lane }: OpenSession): void {
    session.refresh(lane.traffic);
    if (++this.#ticks % TOTALS_PER_CLOCK === 0) this.#askClock();
  }

  #parts(
    session: LastingSession<ResumableDevice>,
    own: ResumableDevice,
    mode: Exclude<Message<"hello">["clock"], undefined>,
  ): OpenSession {
    const { connection } = this;
    const { record, tally } = session;
    const { hub, clock, recorder, downlink } = this.context;
    const { device, producer } = own;
    const channels = new ChannelTable();
    const transmit = (message: string | Uint8Array) => connection.transmit(message);
    const uplink = new Uplink({
      hub,
      clock,
      channels,
      tally,
      clockSync: this.#clockSync,
      session: record.number,
      producer,
      mode,
      sendAck: transmit,
    });
    const advertising = new Advertising({
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
    });
    const use = (lane: StateLane) => this.#useLane(session, uplink, lane);
    return { session, own, uplink, advertising, lane: new LaneSlot({ connection, record, tally, use }) };
  }

  #useLane(session: OpenSession["session"], uplink: Uplink, lane: StateLane): LaneHandlers {
    const inlet = new StateInlet(lane, systemFlushTimers, (batch) => uplink.state(batch), BASELINE_BYTES);
    return {
      message: (bytes) => inlet.message(bytes),
      closed: (cause) => {
        inlet.close();
        if (this.#way === "webrtc") this.#moved(session, this.transport.kind, cause);
      },
    };
  }

  /** The device's samples take another way from here on. */
  #moved(session: OpenSession["session"], to: TransportKind, cause: string): void {
    if (this.#stage.at !== "open" || this.#way === to) return;
    this.#way = to;
    session.moved(to, cause);
    this.context.directory.moved(this);
  }

  #wayOf(): SessionWay | undefined {
    if (this.#stage.at !== "open") return undefined;
    const { session, lane: { facts } } = this.#stage.open;
    const { roundTripUs } = session.tally;
    return session.way({
      ...(facts === undefined ? {} : { lane: facts }),
      ...(roundTripUs === undefined ? {} : { roundTripMs: roundTripUs / 1_000 }),
    });
  }

  #askClock(): void {
    this.connection.send({ type: "clock", t: this.context.clock.nowUs() });
  }

  #clockReply({ session }: OpenSession, { t, at }: Message<"clock_reply">): void {
    const nowUs = this.context.clock.nowUs();
    if (t > nowUs) return;
    this.#clockSync.exchange(t, nowUs, at);
    session.tally.roundTripUs = this.#clockSync.roundTripUs;
  }

  #over(ending: Ending): void {
    const stage = this.#stage;
    this.#stage = { at: "closed" };
    clearInterval(this.#timer);
    if (stage.at === "enrolling") stage.ticket.withdraw();
    if (stage.at !== "open") return;
    const { session, own, lane, uplink, advertising } = stage.open;
    lane.close();
    uplink.close();
    advertising.close();
    session.end(ending, own);
    this.context.directory.departed(this, ending.reason);
  }
}
