/**
 * A feed: one encoded batch for all dashboards that share a subscription.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import type { BroadcastGroup, Transport } from "../transport/transport.ts";
import type { FlushScheduler, Sent } from "./flush.ts";
import type { Hub, PatternListener } from "./hub.ts";
import { LatestValues } from "./latest_values.ts";
import type { PatternSet } from "./pattern.ts";
import type { BorrowedSample } from "./sample.ts";
import type { Topic } from "./topic.ts";

/** One who receives a feed. */
export interface FeedMember {
  readonly transport: Transport;
  /** Is told of topics before their first sample and when they change. */
  announce(topics: Topic[]): void;
  /** Offsets of an event topic that will never come. */
  missing(topic: Topic, from: number, to: number): void;
  /** So many samples went out to it. */
  sent(samples: number): void;
  /** Its transport refused a batch: it has a hole and cannot stay. */
  refused(): void;
}

/** What makes two subscriptions the same. */
export interface FeedOptions {
  patterns: PatternSet;
  /** At most this many samples a second of each state topic. */
  maxHz?: number;
}

/** Most bytes of one batch: many batches small enough for a kernel's socket buffer beat a few that are not. */
export const FEED_BATCH_BYTES = 65_536;

/** A shared stream of batches. */
export class Feed implements PatternListener {
  readonly patterns: PatternSet;
  readonly members = new Set<FeedMember>();
  /** State samples left out because of `maxHz`. */
  skippedByRate = 0;
  readonly #group: BroadcastGroup;
  readonly #writer: BatchWriter;
  readonly #scheduler: FlushScheduler;
  readonly #latest: LatestValues | undefined;
  readonly #transports = new Set<Transport>();
  readonly #intervalMs: number;
  #sentMs = -Infinity;
  #waiting = false;
  #marked = false;
  #joining = false;

  constructor(
    /** Number that its batches carry. */
    readonly number: number,
    options: FeedOptions,
    parts: { group: BroadcastGroup; scheduler: FlushScheduler },
  ) {
    this.patterns = options.patterns;
    this.#group = parts.group;
    this.#scheduler = parts.scheduler;
    this.#writer = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES, feed: number });
    this.#intervalMs = options.maxHz === undefined ? 0 : 1_000 / options.maxHz;
    this.#latest = options.maxHz === undefined ? undefined : new LatestValues();
  }

  /** Whether somebody receives it, or is just about to. */
  get inUse(): boolean {
    return this.#joining || this.members.size > 0;
  }

  /** Whether one of its members is behind this transport. */
  serves(transport: Transport): boolean {
    return this.#transports.has(transport);
  }

  /** Adds a member. Samples from now on reach it; what waits goes to the others first. */
  join(member: FeedMember): void {
    // Sending may turn the last other member away, which must not take the feed from under this one.
    this.#joining = true;
    this.#send();
    this.#joining = false;
    this.members.add(member);
    this.#transports.add(member.transport);
    this.#group.add(member.transport);
  }

  /** Takes a member out, after what it was due. */
  leave(member: FeedMember): void {
    if (!this.members.has(member)) return;
    this.#send();
    if (!this.members.delete(member)) return; // that turned it away
    this.#transports.delete(member.transport);
    this.#group.delete(member.transport);
  }

  /** Lends the samples that a thinned feed holds back until its next turn. */
  waiting(take: (sample: BorrowedSample) => void): void {
    this.#latest?.each(take);
  }

  sample(sample: BorrowedSample): void {
    if (this.#latest && sample.topic.description.deliveryClass === "state") {
      if (this.#latest.put(sample)) this.skippedByRate++;
      this.#waitForTurn();
      return;
    }
    this.#append(sample);
  }

  defined(topic: Topic): void {
    this.#send();
    for (const member of this.members) member.announce([topic]);
  }

  missing(topic: Topic, from: number, to: number): void {
    this.#send();
    for (const member of this.members) member.missing(topic, from, to);
  }

  /** Called by the scheduler. */
  flush(sent: Sent): void {
    this.#marked = false;
    if (this.#writer.count === 0) return;
    sent.bytes += this.#writer.length * this.members.size;
    this.#send();
    sent.messages += this.members.size;
  }

  #append(sample: BorrowedSample): void {
    const writer = this.#writer;
    const { topic, offset, timeUs, bytes, start, end } = sample;
    if (!writer.add(topic.id, offset, timeUs, bytes, start, end)) {
      this.#send();
      writer.add(topic.id, offset, timeUs, bytes, start, end);
    } else if (writer.length >= FEED_BATCH_BYTES) {
      this.#send();
      return;
    }
    if (!this.#marked) {
      this.#marked = true;
      this.#scheduler.mark(this);
    }
  }

  /** A thinned feed sends at most once an interval, at once after a silence. */
  #waitForTurn(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const timers = this.#scheduler.timers;
    const wait = this.#sentMs + this.#intervalMs - timers.nowMs();
    const send = () => {
      this.#waiting = false;
      this.#sentMs = timers.nowMs();
      this.#latest!.drain((sample) => this.#append(sample));
      this.#send();
    };
    if (wait <= 0) timers.endOfTurn(send);
    else timers.later(send, wait);
  }

  #send(): void {
    const writer = this.#writer;
    if (writer.count === 0) return;
    const samples = writer.count;
    const refusals = this.#group.send(writer.takeBorrowed());
    for (const member of this.members) member.sent(samples);
    if (refusals.length > 0) this.#dismiss(refusals);
  }

  #dismiss(refusals: readonly Transport[]): void {
    for (const member of [...this.members]) if (refusals.includes(member.transport)) member.refused();
  }
}

/** Finds the feed of a subscription, or makes it. */
export class FeedRegistry {
  #feeds = new Map<string, Feed>();
  #lastNumber = 0;

  constructor(
    readonly hub: Hub,
    readonly scheduler: FlushScheduler,
    readonly newGroup: () => BroadcastGroup,
  ) {}

  /** A number for a stream of batches that only one session gets. */
  privateNumber(): number {
    return ++this.#lastNumber;
  }

  /**
   * The feed for these options; all who ask with equal ones share it. Not those behind one transport: it takes
   * part in a broadcast once, and what one of them leaves or begins anew with would be the others' too.
   */
  acquire(options: FeedOptions, transport: Transport): Feed {
    const wanted = `${options.maxHz ?? ""}\n${options.patterns.key}`;
    for (let copy = 0;; copy++) {
      const key = `${copy}\n${wanted}`;
      const feed = this.#feeds.get(key);
      if (feed?.serves(transport)) continue;
      return feed ?? this.#open(key, options);
    }
  }

  #open(key: string, options: FeedOptions): Feed {
    const parts = { group: this.newGroup(), scheduler: this.scheduler };
    const feed = new Feed(++this.#lastNumber, options, parts);
    this.#feeds.set(key, feed);
    this.hub.listen(feed);
    return feed;
  }

  /** Lets go of a feed that has no members left. */
  release(feed: Feed): void {
    if (feed.inUse) return;
    for (const [key, one] of this.#feeds) if (one === feed) this.#feeds.delete(key);
    this.hub.unlisten(feed);
  }

  /** All feeds. */
  all(): Iterable<Feed> {
    return this.#feeds.values();
  }
}
