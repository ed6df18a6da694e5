/**
 * A dashboard session: control messages in, subscriptions out.
 *
 * @module
 */
import { CLOSE } from "../protocol/close_codes.ts";
import { type DashboardMessage, parseDashboardMessage, type ToDashboard } from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { LaneMove } from "../protocol/lane_health.ts";
import type { Principal } from "../hub/access.ts";
import { StateOutbox } from "../hub/state_outbox.ts";
import { Connection, type Ending } from "../sessions/connection.ts";
import { LaneSlot } from "../sessions/lane_slot.ts";
import { LastingSession, TOTALS_EVERY_MS } from "../sessions/lasting.ts";
import { hasOwnLane, type LaneHandlers, type StateLane } from "../transport/lane.ts";
import type { Transport } from "../transport/transport.ts";
import type { SessionWay } from "../transport/way.ts";
import { Backlog } from "./backlog.ts";
import type { DashboardContext, ResumableDashboard } from "./context.ts";
import type { LiveDashboard } from "./directory.ts";
import { Subscriptions } from "./subscriptions.ts";
import { answerWrite } from "./write.ts";

type Message<T extends DashboardMessage["type"]> = Extract<DashboardMessage, { type: T }>;

interface OpenSession {
  session: LastingSession<ResumableDashboard>;
  lane: LaneSlot;
  subscriptions: Subscriptions;
}

/** How often skipped samples are reported to the peer, in milliseconds. */
const REPORT_EVERY_MS = 1_000;

/** One dashboard on one connection. */
export class DashboardSession implements LiveDashboard {
  /** Session's id; empty before `welcome`. */
  sessionId = "";
  readonly connection: Connection<DashboardMessage, ToDashboard>;
  /** From `hello` until the connection is over. */
  #opened: OpenSession | undefined;
  readonly #backlog: Backlog;
  #outbox: StateOutbox | undefined;
  #reportedMs = 0;
  #totalsMs = 0;

  constructor(
    readonly context: DashboardContext,
    readonly transport: Transport,
    readonly principal: Principal,
  ) {
    this.#backlog = new Backlog(transport, (id) => this.connection.send({ type: "ping", id }));
    this.connection = new Connection(context, transport, {
      name: () => `dashboard session ${this.sessionId}`,
      parse: parseDashboardMessage,
      control: (message) => this.#control(message),
      binary: () => {
        throw new ProtocolError(CLOSE.badFrame, "a dashboard sends no binary messages; use `write`");
      },
      way: () => this.#way(),
      over: (ending) => this.#over(ending),
    });
    this.connection.endWhenRevoked(principal.tokenId);
    context.directory.add(this);
  }

  sweep(nowMs: number): void {
    this.connection.guard(() => this.#sweep(nowMs));
  }

  #sweep(nowMs: number): void {
    this.#opened?.subscriptions.look(nowMs);
    if (!this.#opened) return; // the peer reads nothing any more
    const { session, lane, subscriptions } = this.#opened;
    this.#backlog.wake();
    if (nowMs - this.#reportedMs < REPORT_EVERY_MS) return;
    this.#reportedMs = nowMs;
    subscriptions.report();
    if (this.connection.over || nowMs - this.#totalsMs < TOTALS_EVERY_MS) return;
    this.#totalsMs = nowMs;
    const outbox = this.#outbox;
    if (outbox?.up) session.tally.roundTripUs = Math.round(outbox.sender.health.roundTripMs * 1_000);
    session.refresh(lane.traffic);
  }

  /** All that was sent before the ping has arrived: there may be room for more. */
  #pong(id: number | undefined): void {
    if (id === undefined || !this.#opened) return;
    const nowMs = this.context.liveness.nowMs();
    this.#backlog.flow.pong(id, nowMs);
    this.#backlog.wake();
    this.#opened.subscriptions.drain();
  }

  #control(message: DashboardMessage): void {
    switch (message.type) {
      case "hello":
        return this.#hello(message);
      case "pong":
        return this.#pong(message.id);
      case "ping":
      case "clock":
      case "bye":
        return this.connection.answer(message);
      case "clock_reply":
        return; // a dashboard's clock stamps nothing
      case "subscribe":
        return this.#open(message.type).subscriptions.subscribe(message);
      case "unsubscribe":
        return this.#open(message.type).subscriptions.unsubscribe(message.id);
      case "write":
        this.#open(message.type);
        return answerWrite(message, this.principal, this.context, (answer) => this.connection.send(answer));
      case "error":
        return this.#open(message.type).session.peerError(message);
      case "offer":
      case "answer":
      case "candidate":
      case "reject":
        return this.#open(message.type).lane.signal(message);
      case "moved":
        return; // a dashboard has no samples to move
      default:
        message satisfies never;
    }
  }

  #open(type: string): OpenSession {
    if (this.#opened) return this.#opened;
    throw new ProtocolError(CLOSE.protocolOrder, `${type} before \`hello\``);
  }

  #hello(hello: Message<"hello">): void {
    if (this.#opened) throw new ProtocolError(CLOSE.protocolOrder, "a second hello");
    const { context, transport, connection, principal } = this;
    connection.greeted();
    const session = new LastingSession<ResumableDashboard>({
      context,
      transport,
      principal,
      resumption: context.resumption,
      mine: ({ tokenId }) => tokenId === principal.tokenId,
      hello,
      drops: "dashboard_drops",
    });
    const { record, tally } = session;
    const subscriptions = new Subscriptions({
      context,
      connection,
      backlog: this.#backlog,
      record,
      tally,
      readable: principal.read,
      lane: () => this.#outbox?.up ? this.#outbox : undefined,
    });
    const { keptBytes = 0 } = hello;
    const use = (lane: StateLane) => this.#useLane(session, subscriptions, lane, keptBytes);
    this.#opened = { session, subscriptions, lane: new LaneSlot({ connection, record, tally, use }) };
    this.sessionId = record.id;
    connection.send(session.welcome({ rights: { read: [...principal.read], write: [...principal.write] } }));
    this.#backlog.flow.mark(context.liveness.nowMs()); // the round trip of a line on which nothing waits yet
    if (!connection.over) this.#opened.lane.begin();
  }

  #useLane(
    session: OpenSession["session"],
    subscriptions: Subscriptions,
    lane: StateLane,
    keptBytes: number,
  ): LaneHandlers {
    const { scheduler } = this.context.feeds;
    const outbox = new StateOutbox(lane, scheduler, {
      moved: (move) => this.#moved(session, move),
      doubtful: (doubtful) => {
        for (const subscription of subscriptions) subscription.doubtful(doubtful);
      },
    });
    outbox.sender.receiverKeeps(keptBytes);
    this.#outbox = outbox;
    return {
      message: (bytes) => outbox.message(bytes),
      sign: () => outbox.sign(),
      closed: (cause) => {
        const wasUp = outbox.up;
        outbox.close();
        if (this.#outbox === outbox) this.#outbox = undefined;
        for (const subscription of subscriptions) subscription.moveDown();
        if (wasUp) this.#moved(session, { to: "websocket", cause });
      },
    };
  }

  #moved(session: OpenSession["session"], move: LaneMove): void {
    if (!this.#opened) return;
    const { cause } = move;
    const to = move.to === "webrtc" ? "webrtc" : hasOwnLane(this.transport) ? "datachannel" : "websocket";
    session.moved(to, cause);
    this.connection.send({ type: "moved", to, cause: cause.slice(0, 1000) });
    // there is no way back to take: what is in doubt goes both ways until the lane is gone or answers
    if (to === "webrtc") { for (const subscription of this.#opened.subscriptions) subscription.moveUp(); }
  }

  #way(): SessionWay | undefined {
    if (!this.#opened) return undefined;
    const { session, lane: { facts } } = this.#opened;
    const { sent, lost } = this.#outbox?.sender.health ?? {};
    const { window } = this.#backlog.flow;
    const roundTripMs = this.#outbox?.up
      ? this.#outbox.sender.health.roundTripMs
      : this.#backlog.flow.known
      ? window.tripMs + window.queueMs
      : undefined;
    return session.way({
      ...(facts === undefined ? {} : { lane: facts }),
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
      ...(sent === undefined || lost === undefined ? {} : { sent, lost }),
    });
  }

  #over(ending: Ending): void {
    const opened = this.#opened;
    this.#opened = undefined;
    this.context.directory.delete(this);
    opened?.subscriptions.end();
    this.#backlog.end();
    if (!opened) return;
    opened.lane.close();
    opened.session.end(ending, { tokenId: this.principal.tokenId });
  }
}
