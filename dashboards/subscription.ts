/**
 * One subscription of a dashboard: reading the recording, live on a shared feed, or behind with an outbox of its
 * own.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import type { GapReason, Subscribe, ToDashboard } from "../protocol/control.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import { type Feed, FEED_BATCH_BYTES, type FeedMember, type FeedOptions } from "../hub/feed.ts";
import { PatternSet } from "../hub/pattern.ts";
import type { Tally } from "../hub/tally.ts";
import type { Topic } from "../hub/topic.ts";
import type { Transport } from "../transport/transport.ts";
import type { Backlog } from "./backlog.ts";
import { catchUp, type CatchUpParts } from "./catch_up.ts";
import type { DashboardContext } from "./context.ts";
import { Outbox } from "./outbox.ts";

type Phase =
  | { at: "catching_up" }
  | { at: "live"; feed: Feed; skippedAtJoin: number }
  | { at: "behind"; outbox: Outbox; feed: number; reading: boolean }
  | { at: "ended" };

/** Why state samples are left out while a peer is behind. */
export type BehindReason = "conflated" | "stale";

/** What a subscription needs of its session. */
export interface SubscriptionParts {
  context: DashboardContext;
  transport: Transport;
  backlog: Backlog;
  tally: Tally;
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
  /** Feed number that the peer was told first; 0 before. */
  #firstFeed = 0;
  #phase: Phase = { at: "catching_up" };

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
    if (phase.at === "behind") this.parts.context.hub.unlisten(phase.outbox);
  }

  /** The peer is behind: only the newest values are kept for it from here on. */
  fallBehind(): void {
    if (this.#phase.at !== "live") return;
    const { context } = this.parts;
    const feed = context.feeds.privateNumber();
    const outbox = new Outbox(this.#options.patterns, feed, (topic) => this.announce([topic]));
    const { feed: former } = this.#phase;
    this.#leave(this.#phase);
    if (this.#ended) return; // the peer refused what it was still due
    former.waiting((sample) => outbox.sample(sample));
    context.hub.listen(outbox);
    this.#phase = { at: "behind", outbox, feed, reading: false };
    this.parts.send({ type: "subscribed", id: this.id, feed, live: false });
  }

  /** Sends what the outbox holds while the peer can take it, and goes live again when it has caught up. */
  drain(reason: BehindReason): void {
    const phase = this.#phase;
    if (phase.at !== "behind" || !this.parts.backlog.clear) return;
    phase.outbox.drain((batch, samples) => this.#batch(batch, samples));
    this.#skipped[reason] += phase.outbox.conflated;
    this.parts.tally.drop(reason, phase.outbox.conflated);
    phase.outbox.conflated = 0;
    if (phase.reading || !this.parts.backlog.clear) return;
    if (phase.outbox.missedEvents) this.#readMissed(phase);
    else this.#goLive(() => this.parts.context.hub.unlisten(phase.outbox));
  }

  /** Tells the peer what was skipped, when that has changed. */
  report(): void {
    const rate = this.#skipped.rate +
      (this.#phase.at === "live" ? this.#phase.feed.skippedByRate - this.#phase.skippedAtJoin : 0);
    const total = rate + this.#skipped.conflated + this.#skipped.stale;
    if (total === this.#reported) return;
    this.#reported = total;
    const { conflated, stale } = this.#skipped;
    this.parts.send({ type: "skipped", id: this.id, counts: { rate, conflated, stale } });
  }

  #begin(from: Exclude<Subscribe["from"], undefined>): void {
    if (typeof from === "string") {
      this.#goLive(() => {
        if (from === "snapshot") this.#snapshot(this.parts.context.hub.matching(this.#options.patterns));
      });
      return;
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
    )
      .catch((error) => this.#failed(error));
  }

  #catchUpParts(feed: number): CatchUpParts {
    const { context } = this.parts;
    return {
      hub: context.hub,
      recorder: context.recorder,
      reader: context.reader,
      patterns: this.#options.patterns,
      feed,
      announce: (topics) => this.parts.announce(topics),
      epoch: (topic, epoch) => this.parts.announce([topic], epoch),
      gap: (topic, epoch, from, to, reason) => this.#gap(topic, epoch, from, to, reason),
      batch: (bytes, samples) => this.#batch(bytes, samples),
      snapshot: (topics) => this.#snapshot(topics),
      ready: async () => await this.parts.ready() && this.#phase.at !== "ended",
    };
  }

  /** Synchronous from the announcement to the join, so that no sample comes in between. */
  #goLive(before: () => void): void {
    const { context } = this.parts;
    if (this.#ended) return;
    const feed = context.feeds.acquire(this.#options, this.transport);
    const first = this.#phase.at === "catching_up" && this.#firstFeed === 0;
    if (first) {
      this.#firstFeed = feed.number;
      this.parts.send({ type: "subscribed", id: this.id, feed: feed.number, live: true });
      this.parts.announce(context.hub.matching(this.#options.patterns));
    }
    before();
    if (this.#ended) return context.feeds.release(feed); // the peer refused the snapshot
    if (!first) this.parts.send({ type: "subscribed", id: this.id, feed: feed.number, live: true });
    feed.join(this);
    this.#phase = { at: "live", feed, skippedAtJoin: feed.skippedByRate };
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
