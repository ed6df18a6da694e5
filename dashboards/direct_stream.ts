/**
 * A subscription while its session has a state lane: state goes on the lane, events in batches of its own on the
 * control lane.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import { MAX_MESSAGE_BYTES, MAX_STATE_PAYLOAD_BYTES } from "../protocol/limits.ts";
import type { StateStream } from "../protocol/state_stream.ts";
import { FEED_BATCH_BYTES } from "../hub/feed.ts";
import type { Flushable, FlushScheduler, Sent } from "../hub/flush.ts";
import type { PatternListener } from "../hub/hub.ts";
import type { PatternSet } from "../hub/pattern.ts";
import type { BorrowedSample } from "../hub/sample.ts";
import type { StateOutbox } from "../hub/state_outbox.ts";
import type { Topic } from "../hub/topic.ts";

/** What a direct stream needs of its subscription. */
export interface DirectStreamParts {
  patterns: PatternSet;
  /** Number that its batches carry. */
  feed: number;
  maxHz: number | undefined;
  outbox: StateOutbox;
  scheduler: FlushScheduler;
  /** Is told of topics that appear. */
  defined(topic: Topic): void;
  missing(topic: Topic, from: number, to: number): void;
  /** Sends a batch, borrowed, on the control lane. */
  send(batch: Uint8Array, samples: number): void;
  /** Whether the control lane takes more without a queue building up. */
  roomy(): boolean;
}

/** One subscription's private stream. */
export class DirectStream implements PatternListener, Flushable {
  readonly patterns: PatternSet;
  readonly #parts: DirectStreamParts;
  readonly #stream: StateStream;
  readonly #events: BatchWriter;
  #marked = false;
  #counted = 0;

  constructor(parts: DirectStreamParts) {
    this.#parts = parts;
    this.patterns = parts.patterns;
    this.#stream = parts.outbox.sender.stream(parts.feed, parts.maxHz);
    this.#stream.doubling = parts.outbox.doubtful;
    this.#events = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES, feed: parts.feed });
  }

  /** State samples left out so far, because of `maxHz` and because the lane was busy. */
  get skipped(): { rate: number; conflated: number } {
    return { rate: this.#stream.skippedByRate, conflated: this.#stream.conflated };
  }

  sample(sample: BorrowedSample): void {
    const { topic, offset, timeUs, bytes, start, end } = sample;
    if (topic.description.deliveryClass === "state" && end - start <= MAX_STATE_PAYLOAD_BYTES) {
      this.#stream.put(topic.id, offset, timeUs, bytes, start, end);
      this.#parts.outbox.mark();
      if (this.#stream.doubling) this.#mark();
    } else this.#reliable(topic.id, offset, timeUs, bytes, start, end);
  }

  defined(topic: Topic): void {
    this.#flush();
    this.#parts.defined(topic);
  }

  missing(topic: Topic, from: number, to: number): void {
    this.#flush();
    this.#parts.missing(topic, from, to);
  }

  /** Has the newest values of these topics sent once more: what went another way may not have arrived. */
  renew(topics: Iterable<Topic>): void {
    for (const { id, newest, description } of topics) {
      if (!newest || description.deliveryClass !== "state") continue;
      if (newest.length > MAX_STATE_PAYLOAD_BYTES) continue;
      this.#stream.put(id, newest.offset, newest.timeUs, newest.bytes, 0, newest.length);
    }
    this.#parts.outbox.mark();
  }

  /** State samples that have gone out since this was asked last. */
  takeSent(): number {
    const { sent } = this.#stream;
    const since = sent - this.#counted;
    this.#counted = sent;
    return since;
  }

  /** Ends it. `deliver`: what the peer is not known to have of state goes out on the control lane. */
  close(deliver: boolean): void {
    this.#parts.outbox.sender.end(this.#stream);
    this.#stream.doubling = false;
    if (!deliver) return;
    for (const { channel, offset, timeUs, bytes, length } of this.#stream.unconfirmed()) {
      this.#reliable(channel, offset, timeUs, bytes, 0, length);
    }
    this.#flush();
  }

  /** Whether state goes on the control lane too, as far as that takes it, since the state lane may be dead. */
  doubtful(doubtful: boolean): void {
    this.#stream.doubling = doubtful;
    if (doubtful) this.#mark();
  }

  /** Sends what found no room on the control lane before. */
  retry(): void {
    if (this.#stream.doubling) this.#flush();
  }

  /** Called by the scheduler. */
  flush(sent: Sent): void {
    const bytes = this.#flush();
    if (bytes === 0) return;
    sent.messages++;
    sent.bytes += bytes;
  }

  /** Sends the events that wait, and what of state goes both ways; returns the bytes of the batch. */
  #flush(): number {
    this.#marked = false;
    if (this.#stream.doubling && this.#parts.roomy()) {
      for (const { channel, offset, timeUs, bytes, length } of this.#stream.takeDoubles()) {
        this.#reliable(channel, offset, timeUs, bytes, 0, length, false);
      }
    }
    return this.#sendBatch();
  }

  #sendBatch(): number {
    const samples = this.#events.count;
    if (samples === 0) return 0;
    const batch = this.#events.takeBorrowed();
    this.#parts.send(batch, samples);
    return batch.length;
  }

  #reliable(
    channel: number,
    offset: number,
    timeUs: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    mark = true,
  ): void {
    const writer = this.#events;
    if (!writer.add(channel, offset, timeUs, bytes, start, end)) {
      this.#sendBatch();
      writer.add(channel, offset, timeUs, bytes, start, end);
    } else if (writer.length >= FEED_BATCH_BYTES) {
      this.#sendBatch();
      return;
    }
    if (mark) this.#mark();
  }

  #mark(): void {
    if (this.#marked) return;
    this.#marked = true;
    this.#parts.scheduler.mark(this);
  }
}
