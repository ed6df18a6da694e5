/**
 * One subscription of a dashboard: reading the recording, live on a shared feed, or behind with an outbox of its
 * own.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import type { GapReason, Position, Subscribe, ToDashboard } from "../protocol/control.ts";
import { MAX_MESSAGE_BYTES, MAX_SCHEMA_BYTES } from "../protocol/limits.ts";
import { type Feed, FEED_BATCH_BYTES, type FeedMember, type FeedOptions } from "../hub/feed.ts";
import { PatternSet } from "../hub/pattern.ts";
import type { StateOutbox } from "../hub/state_outbox.ts";
import type { Tally } from "../hub/tally.ts";
import type { Topic } from "../hub/topic.ts";
import type { Transport } from "../transport/transport.ts";
import type { Backlog } from "./backlog.ts";
import { catchUp, type CatchUpParts } from "./catch_up.ts";
import type { DashboardContext } from "./context.ts";
import { DirectStream } from "./direct_stream.ts";
import { Outbox, type OutboxWay } from "./outbox.ts";

type Phase =
  | { at: "catching_up" }
  | { at: "live"; feed: Feed; skippedAtJoin: number }
  | { at: "direct"; stream: DirectStream }
  | { at: "behind"; outbox: Outbox; feed: number; reading: boolean }
  | { at: "ended" };

/** Most bytes that a subscription begins with at once; with more to tell it waits for the peer to read. */
const MAX_BURST_BYTES = 262_144;

/** About what an announcement without a schema takes, in bytes. */
const ANNOUNCEMENT_BYTES = 200;

/** Why state samples are left out while a peer is behind. */
export type BehindReason = "conflated" | "stale";

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
  readonly #skipped = { rate: 0, conflated: 0, stale: 0 };
  #reported = 0;
  #countedRate = 0;
  #countedOnLane = 0;
  /** Feed number that the peer was told first; 0 before. */
  #firstFeed = 0;
  #phase: Phase = { at: "catching_up" };
  readonly #way: OutboxWay = {
    announce: (topics) => this.parts.announce(topics),
    batch: (bytes, samples) => this.#batch(bytes, samples),
    more: () => !this.#ended && this.parts.backlog.roomy,
  };

  constructor(request: Subscribe, readonly parts: SubscriptionParts) {
    this.id = request.id;
    this.maxStaleMs = request.maxStaleMs ?? Infinity;
    this.transport = parts.transport;
    this.#options = {
      patterns: new PatternSet(request.patterns, parts.readable),
      ...(request.maxHz === undefined ? {} : { maxHz: request.maxHz }),
    };
    this.#begin(request.from ?? "snapshot");
  }

  get #ended(): boolean {
    return this.#phase.at === "ended";
  }

  /** Whether it is behind and has an outbox. */
  get behind(): boolean {
    return this.#phase.at === "behind";
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
    this.#countRate(this.#skipped.rate);
  }

  /** The state lane carries: a live subscription takes to it. */
  moveUp(): void {
    const phase = this.#phase;
    if (phase.at !== "live") return;
    this.#leave(phase);
    this.#goLive(() => {});
  }

  /** The state lane does not carry any more: back to the shared feed, with what may be lost sent once more. */
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
    const outbox = new Outbox(this.#options.patterns, feed, (topic) => this.announce([topic]));
    if (phase.at === "live") this.#leave(phase);
    else this.#leaveLane(phase.stream, true);
    if (this.#ended) return; // the peer refused what it was still due
    if (phase.at === "live") phase.feed.waiting((sample) => outbox.sample(sample));
    context.hub.listen(outbox);
    this.#phase = { at: "behind", outbox, feed, reading: false };
    this.parts.send({ type: "subscribed", id: this.id, feed, live: false });
  }

  /** Sends what the outbox holds while the peer can take it, and goes live again when it has caught up. */
  drain(reason: BehindReason): void {
    const phase = this.#phase;
    if (phase.at !== "behind" || !this.parts.backlog.clear) return;
    phase.outbox.drain(this.#way);
    this.#skipped[reason] += phase.outbox.conflated;
    this.parts.tally.drop(reason, phase.outbox.conflated);
    phase.outbox.conflated = 0;
    if (phase.reading || !phase.outbox.empty || !this.parts.backlog.clear) return;
    if (phase.outbox.missedEvents) this.#readMissed(phase);
    else this.#goLive(() => this.parts.context.hub.unlisten(phase.outbox));
  }

  /** Tells the peer what was skipped, when that has changed. */
  report(): void {
    const phase = this.#phase;
    const counts = { ...this.#skipped };
    if (phase.at === "live") counts.rate += phase.feed.skippedByRate - phase.skippedAtJoin;
    if (phase.at === "direct") {
      this.#countLane(phase.stream);
      counts.rate += phase.stream.skipped.rate;
      counts[this.#busyReason] += phase.stream.skipped.conflated;
    }
    this.#countRate(counts.rate);
    const total = counts.rate + counts.conflated + counts.stale;
    if (total === this.#reported) return;
    this.#reported = total;
    this.parts.send({ type: "skipped", id: this.id, counts });
  }

  /** Puts what `maxHz` left out on the session's record too. */
  #countRate(total: number): void {
    this.parts.tally.drop("rate", total - this.#countedRate);
    this.#countedRate = total;
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
    const nowUs = context.clock.nowUs();
    const time = from.time !== undefined && from.time < 0 ? Math.max(0, nowUs + from.time) : from.time;
    catchUp(
      this.#catchUpParts(feed),
      time === undefined ? from : { ...from, time },
      () => this.#goLive(() => {}),
      (positions) => this.#goOnBehind(feed, positions),
    )
      .catch((error) => this.#failed(error));
  }

  /** Its topics speak faster than the peer reads the past: from here on it gets what one that is behind gets. */
  #goOnBehind(feed: number, positions: ReadonlyMap<string, Position>): void {
    if (this.#ended) return;
    const { hub } = this.parts.context;
    const outbox = new Outbox(this.#options.patterns, feed, (topic) => this.announce([topic]));
    const ahead = hub.listen(outbox).filter((topic) => topic.deliveredOffset > held(topic));
    for (const topic of ahead) {
      if (topic.description.deliveryClass === "event") outbox.miss(topic, held(topic));
    }
    outbox.begin([], ahead);
    this.#phase = { at: "behind", outbox, feed, reading: false };

    function held({ name, epoch }: Topic): number {
      const position = positions.get(name);
      return position?.epoch === epoch ? position.offset : 0;
    }
  }

  /** With more to tell than should wait on the line at once, it begins like one that is behind. */
  #beginBehind(topics: Topic[], values: Topic[]): void {
    const { context } = this.parts;
    const feed = context.feeds.privateNumber();
    const outbox = new Outbox(this.#options.patterns, feed, (topic) => this.announce([topic]));
    this.#firstFeed = feed;
    this.parts.send({ type: "subscribed", id: this.id, feed, live: false });
    context.hub.listen(outbox);
    this.#phase = { at: "behind", outbox, feed, reading: false };
    outbox.begin(topics, values);
    this.drain("conflated");
  }

  #catchUpParts(feed: number): CatchUpParts {
    const { context } = this.parts;
    return {
      hub: context.hub,
      reader: context.reader,
      patterns: this.#options.patterns,
      feed,
      announce: (topics) => this.parts.announce(topics),
      epoch: (topic, epoch) => this.parts.announce([topic], epoch),
      gap: (topic, epoch, from, to, reason) => this.#gap(topic, epoch, from, to, reason),
      batch: (bytes, samples) => this.#batch(bytes, samples),
      snapshot: (topics) => this.#snapshot(topics),
      more: this.#way.more,
      ready: async () => await this.parts.ready() && this.#phase.at !== "ended",
    };
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
    });
    stream.renew(context.hub.listen(stream));
    this.#phase = { at: "direct", stream };
  }

  #leaveLane(stream: DirectStream, deliver: boolean): void {
    this.#countLane(stream);
    this.#countedOnLane = 0;
    this.parts.context.hub.unlisten(stream);
    const { rate, conflated } = stream.skipped;
    this.#skipped.rate += rate;
    this.#skipped[this.#busyReason] += conflated;
    this.parts.tally.drop(this.#busyReason, conflated);
    stream.close(deliver);
  }

  /** What went out on the lane since it was last counted. */
  #countLane(stream: DirectStream): void {
    this.sent(stream.sent - this.#countedOnLane);
    this.#countedOnLane = stream.sent;
  }

  /** What a sample is counted as that a newer one replaced because the way was busy. */
  get #busyReason(): BehindReason {
    return this.maxStaleMs === Infinity ? "conflated" : "stale";
  }

  #leave(phase: Extract<Phase, { at: "live" }>): void {
    this.#skipped.rate += phase.feed.skippedByRate - phase.skippedAtJoin;
    phase.feed.leave(this);
    this.parts.context.feeds.release(phase.feed);
  }

  /** Newest values of state topics, under the feed number that the peer was told last. */
  #snapshot(topics: Topic[]): void {
    const writer = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES, feed: this.#firstFeed });
    const flush = () => {
      const samples = writer.count;
      if (samples > 0) this.#batch(writer.takeBorrowed(), samples);
    };
    for (const { id, newest, description } of topics) {
      if (!newest || description.deliveryClass !== "state") continue;
      if (writer.add(id, newest.offset, newest.timeUs, newest.bytes, 0, newest.length)) continue;
      flush();
      writer.add(id, newest.offset, newest.timeUs, newest.bytes, 0, newest.length);
    }
    flush();
  }

  /** Events that went by while the peer was behind are on disk: they were delivered to others after their commit. */
  async #readMissed(phase: Extract<Phase, { at: "behind" }>): Promise<void> {
    phase.reading = true;
    const { context } = this.parts;
    const missed = phase.outbox.takeMissed();
    const until = new Map([...missed.keys()].map((topic) => [topic.id, topic.deliveredOffset]));
    const parts = this.#catchUpParts(phase.feed);
    try {
      const topics = [...missed].map(([{ id, epoch }, offset]) => ({ id, after: { epoch, offset } }));
      const items = context.reader.replay({
        topics,
        until,
        feed: phase.feed,
        maxBatchBytes: FEED_BATCH_BYTES,
      });
      for await (const item of items) {
        if (!await parts.ready()) return;
        if (item.kind === "batch") parts.batch(item.bytes, item.samples);
        else if (item.kind === "gap") {
          const topic = context.hub.topicById(item.topic);
          if (topic) parts.gap(topic, item.epoch, item.from, item.to, item.reason);
        }
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      phase.reading = false;
    }
  }

  #batch(bytes: Uint8Array, samples: number): void {
    if (this.transport.send(bytes, "control")) return this.sent(samples);
    this.parts.refused();
    this.end(); // it may have come up only now, so that its session does not know it yet
  }

  #gap(
    topic: Topic,
    epoch: string,
    from: number,
    to: number,
    reason: GapReason,
  ): void {
    this.parts.send({ type: "gap", topic: topic.name, epoch, from, to, reason });
  }

  #failed(error: unknown): void {
    if (this.#phase.at === "ended") return;
    this.parts.context.fault(`subscription ${this.id}`, error);
    this.parts.failed("the recording could not be read; connect again and go on from your positions");
  }
}

/** At most about so many bytes announce `topics` and carry the newest values of `values`. */
function costOf(topics: readonly Topic[], values: readonly Topic[]): number {
  let bytes = 0;
  for (const { description: { schema, fields } } of topics) {
    bytes += ANNOUNCEMENT_BYTES + (schema === undefined && fields === undefined ? 0 : MAX_SCHEMA_BYTES);
  }
  for (const { newest } of values) bytes += newest?.length ?? 0;
  return bytes;
}
