/**
 * One subscription of a dashboard: reading the recording, live on a shared feed, or behind with an outbox of its
 * own.
 *
 * @module
 */
import type { GapReason, Position, Subscribe, ToDashboard } from "../protocol/control.ts";
import type { Feed, FeedMember, FeedOptions } from "../hub/feed.ts";
import { PatternSet } from "../hub/pattern.ts";
import type { StateOutbox } from "../hub/state_outbox.ts";
import type { Tally } from "../hub/tally.ts";
import type { Topic } from "../hub/topic.ts";
import type { Transport } from "../transport/transport.ts";
import type { Backlog } from "./backlog.ts";
import { Behind } from "./behind.ts";
import type { DashboardContext } from "./context.ts";
import { DirectStream } from "./direct_stream.ts";
import { Hold } from "./hold.ts";
import { Outbox, type OutboxWay } from "./outbox.ts";
import { Reading } from "./reading.ts";
import { type Skipped, Skips } from "./skips.ts";
import { costOf, sendSnapshot } from "./snapshot.ts";
import type { Turns } from "./turns.ts";

type Phase =
  | { at: "catching_up" }
  | { at: "live"; feed: Feed; skippedAtJoin: number }
  | { at: "direct"; stream: DirectStream }
  | Behind
  | { at: "ended" };

/** Most bytes that a subscription begins with at once; with more to tell it waits for the peer to read. */
const MAX_BURST_BYTES = 262_144;

/** What a subscription needs of its session. */
export interface SubscriptionParts {
  context: DashboardContext;
  transport: Transport;
  backlog: Backlog;
  tally: Tally;
  /** The state lane, while samples go over it. */
  lane(): StateOutbox | undefined;
  /** Patterns that the session's token may read. */
  readable: readonly string[];
  send(message: ToDashboard): void;
  /** Tells the peer of topics, leaving out what it knows already. `epoch` overrides the topics' own. */
  announce(topics: Topic[], epoch?: string): void;
  /** Resolves when the backlog is clear; false when the session is over. */
  ready(): Promise<boolean>;
  /** The session's turns at reading the recording. */
  turns: Turns;
  /** Ends the session: it can go on only from a fresh start. */
  failed(message: string): void;
  /** The transport refused a batch: ends the session, which can go on from its positions. */
  refused(): void;
}

/** One subscription. */
export class Subscription implements FeedMember {
  readonly id: number;
  readonly maxStaleMs: number;
  readonly transport: Transport;
  readonly #options: FeedOptions;
  readonly #skips: Skips;
  /** Feed number that the peer was told first; 0 before. */
  #firstFeed = 0;
  readonly #hold = new Hold();
  #phase: Phase = { at: "catching_up" };
  readonly #way: OutboxWay = {
    announce: (topics) => this.parts.announce(topics),
    batch: (bytes, samples) => {
      this.#batch(bytes, samples);
      this.parts.backlog.sent(this.#nowMs);
    },
    more: () => !this.#ended && this.parts.backlog.roomy,
    batchBytes: () => this.parts.backlog.batchBytes,
  };

  readonly #reading: Reading;

  constructor(request: Subscribe, readonly parts: SubscriptionParts) {
    this.id = request.id;
    this.maxStaleMs = request.maxStaleMs ?? Infinity;
    this.transport = parts.transport;
    this.#skips = new Skips(parts.tally, request.maxStaleMs === undefined ? "conflated" : "stale");
    this.#options = {
      patterns: new PatternSet(request.patterns, parts.readable),
      ...(request.maxHz === undefined ? {} : { maxHz: request.maxHz }),
    };
    this.#reading = this.#newReading();
    this.#begin(request.from ?? "snapshot");
  }

  get #ended(): boolean {
    return this.#phase.at === "ended";
  }

  /** Whether it is behind and has an outbox. */
  get behind(): boolean {
    return this.#phase.at === "behind";
  }

  /** Whether its state takes the state lane. */
  get overLane(): boolean {
    return this.#phase.at === "direct";
  }

  announce(topics: Topic[]): void {
    this.parts.announce(topics);
  }

  missing(topic: Topic, from: number, to: number): void {
    this.#gap(topic, topic.epoch, from, to, "device");
  }

  sent(samples: number): void {
    this.parts.tally.samplesOut += samples;
  }

  refused(): void {
    this.parts.refused();
  }

  /** Ends the subscription. */
  end(): void {
    const phase = this.#phase;
    this.#phase = { at: "ended" };
    if (phase.at === "live") this.#leave(phase);
    if (phase.at === "direct") this.#leaveLane(phase.stream, false);
    if (phase.at === "behind") this.parts.context.hub.unlisten(phase.outbox);
    this.#skips.end();
  }

  /** The state lane carries: a live subscription takes to it, and one that is behind in newest values alone. */
  moveUp(): void {
    const phase = this.#phase;
    if (phase.at === "live") {
      this.#leave(phase);
      this.#goLive(() => {});
    } else if (phase.at === "behind") this.#takeLane(phase);
  }

  /** The lane came up while there were events to be read, or while it was behind already. */
  #tryLane(phase: Behind): void {
    if (this.#phase === phase && this.parts.lane() && this.#hold.rested(this.#nowMs)) this.#takeLane(phase);
  }

  /** From newest values alone the lane takes over; events that were missed come first. */
  #takeLane(phase: Behind): void {
    if (phase.reading || !phase.outbox.stateOnly) return;
    this.#skips.add(phase.outbox);
    this.#goLive(() => this.parts.context.hub.unlisten(phase.outbox));
  }

  /** Whether the state lane is in doubt: then state takes the WebSocket too. */
  doubtful(doubtful: boolean): void {
    if (this.#phase.at === "direct") this.#phase.stream.doubtful(doubtful);
  }

  /** The state lane is gone: back to the shared feed, with what may be lost sent once more. */
  moveDown(): void {
    const phase = this.#phase;
    if (phase.at !== "direct") return;
    this.#leaveLane(phase.stream, true);
    this.#goLive(() => {});
  }

  /** The peer is behind: only the newest values are kept for it from here on. */
  fallBehind(): void {
    const phase = this.#phase;
    if (phase.at !== "live" && phase.at !== "direct") return;
    const { context } = this.parts;
    const feed = context.feeds.privateNumber();
    const outbox = this.#newOutbox(feed);
    if (phase.at === "live") this.#leave(phase);
    else this.#leaveLane(phase.stream, true);
    if (this.#ended) return; // the peer refused what it was still due
    if (phase.at === "live") phase.feed.waiting((sample) => outbox.sample(sample));
    context.hub.listen(outbox);
    this.#phase = new Behind(outbox, feed);
    this.#hold.fell(this.#nowMs, this.parts.backlog.flow.window.queued);
    this.parts.send({ type: "subscribed", id: this.id, feed, live: false });
  }

  get #nowMs(): number {
    return this.parts.context.feeds.scheduler.timers.nowMs();
  }

  /** Sends what waits while the peer can take it; one that is behind goes live again when it has caught up. */
  drain(): void {
    const phase = this.#phase;
    if (phase.at === "direct") return phase.stream.retry();
    if (phase.at !== "behind") return;
    if (!this.parts.backlog.clear) return phase.heldUp();
    this.#tryLane(phase);
    if (this.#phase !== phase) return;
    const laneUp = this.parts.lane() !== undefined;
    if (phase.eventsDue(this.#nowMs, laneUp)) void this.#readMissed(phase);
    if (phase.yields(this.#nowMs, laneUp, this.parts.backlog.awaited)) return;
    phase.outbox.drain(this.#way);
    const { flow, clear } = this.parts.backlog;
    const queued = flow.queued(this.#nowMs);
    // Topics faster than the looks at the line always have newer values: that alone does not show a slow one.
    const trusted = flow.nextDoor || (flow.known && this.#hold.trusting(this.#nowMs));
    const carried = phase.carried() && !queued && trusted;
    if (phase.outbox.conflated > 0 && !carried) this.#hold.busy(this.#nowMs);
    this.#skips.add(phase.outbox);
    phase.outbox.conflated = 0;
    if (phase.reading || !phase.outbox.empty || !clear) return;
    if (phase.outbox.missedEvents) return void this.#readMissed(phase);
    if (queued || !this.#hold.over(this.#nowMs)) return;
    this.#goLive(() => this.parts.context.hub.unlisten(phase.outbox));
  }

  /** Tells the peer what was skipped, when that has changed. */
  report(): void {
    const phase = this.#phase;
    if (phase.at === "direct") this.sent(phase.stream.takeSent());
    const counts = this.#skips.news(skippedIn(phase));
    if (counts) this.parts.send({ type: "skipped", id: this.id, counts });
  }

  #begin(from: Exclude<Subscribe["from"], undefined>): void {
    if (typeof from === "string") {
      const topics = this.parts.context.hub.matching(this.#options.patterns);
      const values = from === "snapshot" ? topics : [];
      if (costOf(topics, values) > MAX_BURST_BYTES) return this.#beginBehind(topics, values);
      return this.#goLive(() => this.#snapshot(values));
    }
    const { context } = this.parts;
    const feed = context.feeds.privateNumber();
    this.parts.send({ type: "subscribed", id: this.id, feed, live: false });
    this.#firstFeed = feed;
    this.#reading.past(
      feed,
      from,
      context.clock.nowUs(),
      () => this.#goLive(() => {}),
      (positions) => this.#goOnBehind(feed, positions),
    );
  }

  #newOutbox(feed: number): Outbox {
    return new Outbox(this.#options.patterns, feed, (topic) => this.announce([topic]));
  }

  /** Its topics speak faster than the peer reads the past: from here on it gets what one that is behind gets. */
  #goOnBehind(feed: number, positions: ReadonlyMap<string, Position>): void {
    if (this.#ended) return;
    const outbox = this.#newOutbox(feed);
    outbox.goOn(this.parts.context.hub.listen(outbox), positions);
    this.#phase = new Behind(outbox, feed);
  }

  /** With more to tell than should wait on the line at once, it begins like one that is behind. */
  #beginBehind(topics: Topic[], values: Topic[]): void {
    const { context } = this.parts;
    const feed = context.feeds.privateNumber();
    const outbox = this.#newOutbox(feed);
    this.#firstFeed = feed;
    this.parts.send({ type: "subscribed", id: this.id, feed, live: false });
    context.hub.listen(outbox);
    this.#phase = new Behind(outbox, feed);
    outbox.begin(topics, values);
    this.drain();
  }

  #newReading(): Reading {
    const { context } = this.parts;
    return new Reading({
      hub: context.hub,
      reader: context.reader,
      patterns: this.#options.patterns,
      announce: (topics) => this.parts.announce(topics),
      epoch: (topic, epoch) => this.parts.announce([topic], epoch),
      gap: (topic, epoch, from, to, reason) => this.#gap(topic, epoch, from, to, reason),
      batch: (bytes, samples) => this.#batch(bytes, samples),
      snapshot: (topics) => this.#snapshot(topics),
      more: this.#way.more,
      batchBytes: this.#way.batchBytes,
      ready: async () => await this.parts.ready() && !this.#ended,
      turns: this.parts.turns,
      ended: () => this.#ended,
      failed: (error) => this.#failed(error),
    });
  }

  /** Synchronous from the announcement to the join, so that no sample comes in between. */
  #goLive(before: () => void): void {
    const { context } = this.parts;
    if (this.#ended) return;
    const lane = this.parts.lane();
    const feed = lane ? undefined : context.feeds.acquire(this.#options, this.transport);
    const number = feed?.number ?? context.feeds.privateNumber();
    const first = this.#phase.at === "catching_up" && this.#firstFeed === 0;
    if (first) {
      this.#firstFeed = number;
      this.parts.send({ type: "subscribed", id: this.id, feed: number, live: true });
      this.parts.announce(context.hub.matching(this.#options.patterns));
    }
    before();
    if (this.#ended) return void (feed && context.feeds.release(feed)); // the peer refused the snapshot
    if (!first) this.parts.send({ type: "subscribed", id: this.id, feed: number, live: true });
    if (lane) this.#joinLane(lane, number);
    else if (feed) {
      feed.join(this);
      this.#phase = { at: "live", feed, skippedAtJoin: feed.skippedByRate };
    }
    this.#hold.wentLive(this.#nowMs);
  }

  /** The newest values go over the lane too: what is on its way on a stalled connection would come late. */
  #joinLane(outbox: StateOutbox, feed: number): void {
    const { context } = this.parts;
    const stream = new DirectStream({
      patterns: this.#options.patterns,
      feed,
      maxHz: this.#options.maxHz,
      outbox,
      scheduler: context.feeds.scheduler,
      defined: (topic) => this.announce([topic]),
      missing: (topic, from, to) => this.missing(topic, from, to),
      send: (batch, samples) => this.#batch(batch, samples),
      roomy: () => this.parts.backlog.roomy,
    });
    stream.renew(context.hub.listen(stream));
    this.#phase = { at: "direct", stream };
  }

  #leaveLane(stream: DirectStream, deliver: boolean): void {
    this.sent(stream.takeSent());
    this.parts.context.hub.unlisten(stream);
    this.#skips.add(stream.skipped);
    stream.close(deliver);
  }

  #leave(phase: Extract<Phase, { at: "live" }>): void {
    this.#skips.add(skippedIn(phase));
    phase.feed.leave(this);
    this.parts.context.feeds.release(phase.feed);
  }

  /** Newest values of state topics, under the feed number that the peer was told first. */
  #snapshot(topics: Topic[]): void {
    sendSnapshot(topics, this.#firstFeed, (batch, samples) => this.#batch(batch, samples));
  }

  async #readMissed(phase: Behind): Promise<void> {
    phase.reads(this.#nowMs);
    await this.#reading.missed(phase.feed, () => phase.outbox.takeMissed());
    phase.reading = false;
    this.#tryLane(phase);
  }

  #batch(bytes: Uint8Array, samples: number): void {
    if (this.transport.send(bytes, "control")) return this.sent(samples);
    this.parts.refused();
    this.end(); // it may have come up only now, so that its session does not know it yet
  }

  #gap(topic: Topic, epoch: string, from: number, to: number, reason: GapReason): void {
    this.parts.send({ type: "gap", topic: topic.name, epoch, from, to, reason });
  }

  #failed(error: unknown): void {
    this.parts.context.fault(`subscription ${this.id}`, error);
    this.parts.failed("the recording could not be read; connect again and go on from your positions");
  }
}

/** What the stream of a phase has left out so far; an outbox gives its count up as it drains. */
function skippedIn(phase: Phase): Skipped {
  if (phase.at === "live") return { rate: phase.feed.skippedByRate - phase.skippedAtJoin };
  return phase.at === "direct" ? phase.stream.skipped : {};
}
