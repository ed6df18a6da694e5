/**
 * A dashboard session: control messages in, subscriptions out.
 *
 * @module
 */
import { CLOSE, type CloseCode, closeCode } from "../protocol/close_codes.ts";
import {
  type ChannelAnnouncement,
  type DashboardMessage,
  parseDashboardMessage,
  PROTOCOL_VERSION,
  type SignallingMessage,
  type ToDashboard,
  type Welcome,
} from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { LaneMove } from "../protocol/lane_health.ts";
import { MAX_SUBSCRIPTIONS } from "../protocol/limits.ts";
import { inMessages } from "../protocol/split.ts";
import { patternProblem } from "../protocol/topics.ts";
import type { Principal } from "../hub/access.ts";
import { newResumeToken } from "../hub/resumption.ts";
import type { SessionRecord } from "../hub/session_log.ts";
import { StateOutbox } from "../hub/state_outbox.ts";
import { Tally } from "../hub/tally.ts";
import type { Topic, TopicDescription } from "../hub/topic.ts";
import { type LaneHandlers, type LaneNegotiation, NO_LANES, type StateLane } from "../transport/lane.ts";
import type { Watched } from "../transport/liveness.ts";
import type { Transport, TransportClosed, TransportHandlers } from "../transport/transport.ts";
import { Backlog } from "./backlog.ts";
import type { DashboardContext } from "./context.ts";
import type { LiveDashboard } from "./directory.ts";
import { type BehindReason, Subscription } from "./subscription.ts";
import { answerWrite } from "./write.ts";

type Message<T extends DashboardMessage["type"]> = Extract<DashboardMessage, { type: T }>;

type Stage = { at: "hello" } | { at: "open"; record: SessionRecord; tally: Tally; resumeToken: string } | {
  at: "closed";
};

type OpenStage = Extract<Stage, { at: "open" }>;

/** How often skipped samples are reported to the peer, in milliseconds. */
const REPORT_EVERY_MS = 1_000;

/** How often the totals go on record, in milliseconds. */
const TOTALS_EVERY_MS = 2_000;

/** One dashboard on one connection. */
export class DashboardSession implements TransportHandlers, Watched, LiveDashboard {
  heardMs = 0;
  /** Session's id; empty before `welcome`. */
  sessionId = "";
  #stage: Stage = { at: "hello" };
  readonly #backlog: Backlog;
  readonly #subscriptions = new Map<number, Subscription>();
  /** Topics that the peer knows, by id, with what it was told of each. */
  readonly #announced = new Map<number, { description: TopicDescription; epoch: string }>();
  readonly #helloTimer: ReturnType<typeof setTimeout>;
  readonly #stopRevoked: () => void;
  #negotiation: LaneNegotiation | undefined;
  #outbox: StateOutbox | undefined;
  #lane: StateLane | undefined;
  #waiters: ((open: boolean) => void)[] = [];
  #reportedMs = 0;
  #totalsMs = 0;

  constructor(
    readonly context: DashboardContext,
    readonly transport: Transport,
    readonly principal: Principal,
  ) {
    this.#backlog = new Backlog(transport);
    this.#helloTimer = setTimeout(
      () => this.end(CLOSE.helloTimeout, `no hello within ${context.helloTimeoutMs} ms`),
      context.helloTimeoutMs,
    );
    this.#stopRevoked = context.authorizer.onRevoked(
      principal.tokenId,
      () => this.end(CLOSE.unauthorized, "the token was revoked"),
    );
    context.liveness.add(this);
    context.open.add(this);
    context.directory.add(this);
  }

  binary(_bytes: Uint8Array): void {
    this.heardMs = this.context.liveness.nowMs();
    this.#guard(() => {
      throw new ProtocolError(CLOSE.badFrame, "a dashboard sends no binary messages; use `write`");
    });
  }

  text(text: string): void {
    this.heardMs = this.context.liveness.nowMs();
    this.#guard(() => {
      if (this.#stage.at !== "closed") this.#control(parseDashboardMessage(text));
    });
  }

  closed(info: TransportClosed): void {
    const code = closeCode(info.code);
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

  /** Ends the session from the gateway's side. */
  end(close: CloseCode, reason: string): void {
    this.#closeWith(close, reason, false);
  }

  sweep(nowMs: number): void {
    this.#guard(() => this.#sweep(nowMs));
  }

  #sweep(nowMs: number): void {
    if (this.#stage.at === "open") this.#lookAtBacklog(nowMs);
    if (this.#stage.at !== "open") return;
    this.#wakeReaders();
    if (nowMs - this.#reportedMs < REPORT_EVERY_MS) return;
    this.#reportedMs = nowMs;
    for (const subscription of this.#subscriptions.values()) subscription.report();
    if (nowMs - this.#totalsMs < TOTALS_EVERY_MS) return;
    this.#totalsMs = nowMs;
    const outbox = this.#outbox;
    if (outbox?.up) this.#stage.tally.roundTripUs = Math.round(outbox.sender.health.roundTripMs * 1_000);
    this.#stage.record.totals(this.#stage.tally.totals(this.transport.traffic, this.#lane?.traffic));
  }

  #lookAtBacklog(nowMs: number): void {
    for (const subscription of this.#subscriptions.values()) {
      switch (this.#backlog.look(nowMs, subscription.maxStaleMs)) {
        case "clear":
        case "waiting":
          break;
        case "behind":
          this.#fallBehind(subscription);
          break;
        case "stuck":
          return this.#closeWith(
            CLOSE.slowConsumer,
            `${this.transport.bufferedBytes} bytes wait unread`,
            true,
          );
      }
      if (subscription.behind) subscription.drain(this.#behindReason(subscription));
    }
  }

  #fallBehind(subscription: Subscription): void {
    if (subscription.behind || this.#stage.at !== "open") return;
    const { record } = this.#stage;
    subscription.fallBehind();
    if (!subscription.behind) return;
    record.event("behind", {
      subscription: subscription.id,
      waiting: this.transport.bufferedBytes,
    });
  }

  #behindReason(subscription: Subscription): BehindReason {
    return subscription.maxStaleMs === Infinity ? "conflated" : "stale";
  }

  #wakeReaders(): void {
    if (this.#waiters.length === 0 || !this.#backlog.clear) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake(true);
  }

  #ready(): Promise<boolean> {
    if (this.#stage.at === "closed") return Promise.resolve(false);
    if (this.#backlog.clear) return Promise.resolve(true);
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #control(message: DashboardMessage): void {
    switch (message.type) {
      case "hello":
        return this.#hello(message);
      case "ping":
        return this.#send({ type: "pong", ...(message.id === undefined ? {} : { id: message.id }) });
      case "pong":
        return;
      case "clock":
        return this.#send({ type: "clock_reply", t: message.t, at: this.context.clock.nowUs() });
      case "clock_reply":
        return;
      case "bye":
        return this.end(CLOSE.normal, message.reason ?? "bye");
      case "subscribe":
        return this.#subscribe(this.#open(message.type), message);
      case "unsubscribe":
        this.#open(message.type);
        this.#subscriptions.get(message.id)?.end();
        this.#subscriptions.delete(message.id);
        return this.#send({ type: "unsubscribed", id: message.id });
      case "write":
        this.#open(message.type);
        return answerWrite(message, this.principal, this.context, (answer) => this.#send(answer));
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
        return; // a dashboard has no samples to move
      default:
        message satisfies never;
    }
  }

  #signal(open: OpenStage, message: SignallingMessage): void {
    const { lanes } = this.context;
    if (!lanes) return this.#send({ type: "reject", reason: NO_LANES });
    this.#negotiation ??= lanes({
      remote: this.transport.remote,
      send: (answer) => this.#send(answer),
      opened: (lane) => this.#laneOpened(open, lane),
      event: (kind, detail) => open.record.event(kind, detail),
    });
    this.#negotiation.message(message);
  }

  #laneOpened(open: OpenStage, lane: StateLane): LaneHandlers {
    const { scheduler } = this.context.feeds;
    const outbox = new StateOutbox(lane, scheduler, (move) => this.#moved(open, move));
    this.#outbox = outbox;
    this.#lane = lane;
    return {
      message: (bytes) => this.#guard(() => outbox.message(bytes)),
      closed: (cause) => {
        const wasUp = outbox.up;
        outbox.close();
        open.tally.retire(lane.traffic);
        if (this.#outbox === outbox) this.#outbox = this.#lane = undefined;
        if (wasUp) this.#moved(open, { to: "websocket", cause });
      },
    };
  }

  #moved(open: OpenStage, { to, cause }: LaneMove): void {
    if (this.#stage.at !== "open") return;
    open.record.event("moved", { to, cause });
    open.record.describe({ transport: to });
    this.#send({ type: "moved", to, cause: cause.slice(0, 1000) });
    for (const subscription of this.#subscriptions.values()) {
      if (to === "webrtc") subscription.moveUp();
      else subscription.moveDown();
    }
  }

  #open(type: string): OpenStage {
    if (this.#stage.at === "open") return this.#stage;
    throw new ProtocolError(CLOSE.protocolOrder, `${type} before \`hello\``);
  }

  #hello(hello: Message<"hello">): void {
    if (this.#stage.at !== "hello") throw new ProtocolError(CLOSE.protocolOrder, "a second hello");
    clearTimeout(this.#helloTimer);
    const { context, principal } = this;
    const { session = "", token = "" } = hello.resume ?? {};
    const resumed = context.resumption.take(session, token, ({ tokenId }) => tokenId === principal.tokenId);
    const record = resumed?.record ?? context.sessionLog.open({
      role: principal.role,
      tokenId: principal.tokenId,
      label: principal.label,
      remote: this.transport.remote,
      transport: this.transport.kind,
    });
    record.describe({
      remote: this.transport.remote,
      ...(hello.client === undefined ? {} : { client: hello.client }),
    });
    const { remote, kind: transport } = this.transport;
    record.event(resumed ? "resumed" : "opened", { remote, transport });
    const tally = resumed?.tally ?? new Tally(context.counters, "dashboard_drops");
    const resumeToken = newResumeToken();
    this.sessionId = record.id;
    this.#stage = { at: "open", record, tally, resumeToken };
    this.#send({
      type: "welcome",
      protocol: PROTOCOL_VERSION,
      gateway: context.gateway,
      epoch: context.hub.epoch,
      session: record.id,
      resume: resumeToken,
      resumed: resumed !== undefined,
      time: context.clock.nowUs(),
      limits: context.limits,
      rights: { read: [...principal.read], write: [...principal.write] },
      ...this.#iceServers(),
    });
  }

  #iceServers(): Pick<Welcome, "iceServers"> {
    const iceServers = this.context.iceServers?.(this.sessionId);
    return iceServers === undefined ? {} : { iceServers };
  }

  #subscribe(open: OpenStage, request: Message<"subscribe">): void {
    const problem = request.patterns.length === 0
      ? "a subscription needs at least one pattern"
      : request.patterns.map(patternProblem).find((one) => one !== undefined);
    if (problem) {
      return this.#send({ type: "error", code: "bad_pattern", message: problem, ref: { id: request.id } });
    }
    if (!this.#subscriptions.has(request.id) && this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new ProtocolError(
        CLOSE.limitExceeded,
        `${this.#subscriptions.size + 1} subscriptions are above the limit of ${MAX_SUBSCRIPTIONS}`,
      );
    }
    this.#subscriptions.get(request.id)?.end();
    open.record.event("subscribed", {
      id: request.id,
      patterns: request.patterns.slice(0, 8),
      from: startOf(request),
    });
    const subscription = new Subscription(request, {
      context: this.context,
      transport: this.transport,
      backlog: this.#backlog,
      tally: open.tally,
      lane: () => this.#outbox?.up ? this.#outbox : undefined,
      readable: this.principal.read,
      send: (message) => this.#send(message),
      announce: (topics, epoch) => this.#announce(topics, epoch),
      ready: () => this.#ready(),
      failed: (message) => this.#closeWith(CLOSE.internal, message, true),
      refused: () => this.#refused(),
    });
    this.#subscriptions.set(request.id, subscription);
  }

  #announce(topics: Topic[], epoch?: string): void {
    const news: ChannelAnnouncement[] = [];
    for (const topic of topics) {
      const { id, description } = topic;
      const told = { description, epoch: epoch ?? topic.epoch };
      const known = this.#announced.get(id);
      if (known?.description === description && known.epoch === told.epoch) continue;
      this.#announced.set(id, told);
      news.push({ ...topic.announcement(), epoch: told.epoch });
    }
    if (news.length === 0) return;
    for (const text of inMessages("channels", "channels", news)) this.#transmit(text);
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
        this.context.fault(`dashboard session ${this.sessionId}`, error);
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
    this.#stopRevoked();
    this.context.liveness.remove(this);
    this.context.open.delete(this);
    this.context.directory.delete(this);
    for (const subscription of this.#subscriptions.values()) subscription.end();
    for (const wake of this.#waiters) wake(false);
    this.#waiters = [];
    this.#negotiation?.close();
    if (stage.at === "open") this.#finishOpen(stage, name, resumable, detail);
  }

  #finishOpen(
    { record, tally, resumeToken }: OpenStage,
    name: string,
    resumable: boolean,
    detail?: string,
  ): void {
    tally.retire(this.transport.traffic);
    if (!resumable) {
      if (detail !== undefined) record.event("closed", { reason: name, detail });
      return record.close(name, tally.totals());
    }
    record.event("disconnected", { reason: name });
    record.totals(tally.totals());
    this.context.resumption.park(
      record.id,
      resumeToken,
      { tokenId: this.principal.tokenId, record, tally, reason: name },
      (parked) => parked.record.close(parked.reason, parked.tally.totals()),
    );
  }

  #send(message: ToDashboard): void {
    this.#transmit(JSON.stringify(message));
  }

  /** A message that is refused is missing from then on: the peer is better off beginning anew. */
  #transmit(text: string): void {
    if (this.#stage.at === "closed" || this.transport.send(text, "control") || !this.transport.open) return;
    this.#refused();
  }

  /** Not for a line that is closing: why, its own word will say. */
  #refused(): void {
    if (!this.transport.open) return;
    this.#closeWith(CLOSE.slowConsumer, `${this.transport.bufferedBytes} bytes wait unread`, true);
  }
}

/** Where a subscription begins, short enough for the session's story. */
function startOf({ from = "snapshot" }: Message<"subscribe">): string {
  if (typeof from === "string") return from;
  return from.positions ? `${Object.keys(from.positions).length} positions` : `time ${from.time}`;
}
