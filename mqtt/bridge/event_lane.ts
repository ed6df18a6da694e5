/**
 * Events on their way to a broker. While the broker keeps up they come straight from the hub; whenever it does
 * not, or was away, they come from the recording, behind the last one that arrived. Nothing is kept in memory
 * but a bounded queue, so a broker may be away for as long as the recording reaches back.
 *
 * @module
 */
import type { Position } from "../../protocol/control.ts";
import { BatchReader } from "../../protocol/batch.ts";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import type { Hub, PatternListener } from "../../hub/hub.ts";
import type { PatternSet } from "../../hub/pattern.ts";
import type { RecordingReader, ReplayItem } from "../../hub/recording.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";
import type { Cursors } from "./cursors.ts";
import { Window } from "./window.ts";

/** Bytes of live events that wait; beyond, the lane goes on from the recording. */
const MAX_QUEUE_BYTES = 2 * 1024 * 1024;

/** What an event costs in the queue beside its payload, in bytes. */
const ITEM_BYTES = 128;

/** Largest batch that is read back at a time, in bytes. */
const BATCH_BYTES = Math.min(65_536, MAX_MESSAGE_BYTES);

/** A pause of the drain is no shorter than this, in milliseconds. */
const MIN_PAUSE_MS = 5;

/** An event ready to go out. */
export interface OutgoingEvent {
  topic: Topic;
  epoch: string;
  offset: number;
  timeUs: number;
  payload: Uint8Array;
}

/** Events that will never be sent. */
export interface LostEvents {
  topic: string;
  epoch: string;
  from: number;
  to: number;
  /** Why: removed by the recording's limits, lost before they were recorded, or older than the spool may be. */
  reason: string;
}

/** What a lane needs. */
export interface EventLaneParts {
  hub: Hub;
  reader: RecordingReader;
  cursors: Cursors;
  patterns: PatternSet;
  /** Most events a second from the recording. */
  drainPerSecond: number;
  /** Older ones are left out; in milliseconds. */
  maxAgeMs?: number;
  /** Publishes; calls `acked` once the broker has it, at most once. */
  publish(event: OutgoingEvent, acked: () => void): void;
  lost(lost: LostEvents): void;
  fault(error: unknown): void;
  nowUs(): number;
}

/** The events of one rule. */
export class EventLane implements PatternListener {
  readonly patterns: PatternSet;
  /** Events acknowledged by the broker. */
  delivered = 0;
  /** Whether it is reading the recording. */
  draining = false;
  readonly #parts: EventLaneParts;
  #queue: OutgoingEvent[] = [];
  #queueBytes = 0;
  #collecting = false;
  #overflowed = false;
  #window: Window | undefined;
  #sent = new Map<number, Position>();
  #wake = () => {};

  constructor(parts: EventLaneParts) {
    this.#parts = parts;
    this.patterns = parts.patterns;
    for (const topic of parts.hub.listen(this)) this.#known(topic, topic.deliveredOffset);
  }

  /** Events that were handed over and not acknowledged. */
  get underWay(): number {
    return this.#window?.unacked ?? 0;
  }

  defined(topic: Topic): void {
    this.#known(topic, 0);
  }

  missing(topic: Topic, from: number, to: number): void {
    if (this.#takes(topic)) {
      this.#parts.lost({ topic: topic.name, epoch: topic.epoch, from, to, reason: "lost_by_device" });
    }
  }

  sample(sample: BorrowedSample): void {
    if (!this.#collecting || !this.#takes(sample.topic)) return;
    const { topic, offset, timeUs, bytes, start, end } = sample;
    this.#queueBytes += end - start + ITEM_BYTES;
    if (this.#queueBytes > MAX_QUEUE_BYTES) {
      this.#overflowed = true;
      this.#stopCollecting();
    } else {
      this.#queue.push({ topic, epoch: topic.epoch, offset, timeUs, payload: bytes.slice(start, end) });
    }
    this.#wake();
  }

  /** A broker is there: sends what it does not have yet, then what comes. */
  online(size: number): void {
    this.offline();
    const window = new Window(size, (topic, position) => this.#parts.cursors.passed(topic, position));
    this.#window = window;
    this.#sent = this.#parts.cursors.all();
    this.#run(window).catch((error) => {
      this.#parts.fault(error);
      if (this.#window === window) this.offline();
    });
  }

  /** The broker is away: what was not acknowledged stays where it is, in the recording. */
  offline(): void {
    this.#window?.close();
    this.#window = undefined;
    this.draining = false;
    this.#stopCollecting();
    this.#wake();
  }

  /** The bridge is over. */
  stop(): void {
    this.offline();
    this.#parts.hub.unlisten(this);
    this.#parts.cursors.keep();
  }

  #takes(topic: Topic): boolean {
    return topic.description.deliveryClass === "event" && !topic.description.writable;
  }

  #known(topic: Topic, offset: number): void {
    if (!this.#takes(topic) || this.#parts.cursors.get(topic.id)) return;
    const position = { epoch: topic.epoch, offset };
    this.#parts.cursors.begin(topic.id, position);
    this.#sent.set(topic.id, position);
  }

  async #run(window: Window): Promise<void> {
    while (this.#window === window) {
      const marks = this.#collect();
      if (marks.size > 0) {
        this.draining = true;
        if (!await this.#drain(window, marks)) return;
        this.draining = false;
      }
      if (!await this.#live(window)) return;
    }
  }

  /** From now on live events wait in the queue; returns where the recording has to be read up to, per topic. */
  #collect(): Map<number, number> {
    this.#overflowed = false;
    this.#queue = [];
    this.#queueBytes = 0;
    this.#collecting = true;
    const marks = new Map<number, number>();
    for (const topic of this.#parts.hub.matching(this.patterns)) {
      if (!this.#takes(topic)) continue;
      const at = this.#sent.get(topic.id);
      const current = at?.epoch === topic.epoch && at.offset >= topic.deliveredOffset;
      if (!current) marks.set(topic.id, topic.deliveredOffset);
    }
    return marks;
  }

  #stopCollecting(): void {
    this.#collecting = false;
    this.#queue = [];
    this.#queueBytes = 0;
  }

  /** Sends what waits in the queue until it overflows; false when the connection is over. */
  async #live(window: Window): Promise<boolean> {
    for (;;) {
      const queue = this.#queue;
      this.#queue = [];
      for (const event of queue) {
        if (window.full && !await window.room()) return false;
        if (this.#window !== window) return false;
        this.#queueBytes -= event.payload.length + ITEM_BYTES;
        this.#send(window, event);
        if (this.#overflowed) return true;
      }
      if (this.#overflowed) return true;
      if (this.#queue.length === 0) {
        this.#queueBytes = 0;
        await new Promise<void>((wake) => this.#wake = wake);
        this.#wake = () => {};
      }
      if (this.#window !== window) return false;
    }
  }

  /** Sends what is on record behind what was sent; false when the connection is over. */
  async #drain(window: Window, marks: Map<number, number>): Promise<boolean> {
    const { hub, reader, drainPerSecond } = this.#parts;
    const topics = [...marks.keys()].map((id) => ({ id, after: this.#sent.get(id)! }));
    const epochs = new Map(topics.map(({ id, after }) => [id, after.epoch]));
    const items = reader.replay({ topics, until: marks, feed: 0, maxBatchBytes: BATCH_BYTES });
    const pace = new Pace(drainPerSecond);
    for await (const item of items) {
      if (item.kind === "epoch") {
        epochs.set(item.topic, item.epoch);
        this.#skip(window, item.topic, { epoch: item.epoch, offset: 0 });
      } else if (item.kind === "gap") {
        this.#gap(window, item);
      } else {
        const batch = new BatchReader();
        batch.open(item.bytes);
        while (batch.next()) {
          const topic = hub.topicById(batch.channel);
          const epoch = epochs.get(batch.channel);
          if (!topic || epoch === undefined) continue;
          if (window.full && !await window.room()) return false;
          if (pace.exhausted() && !await pace.wait()) return false;
          if (this.#window !== window) return false;
          this.#replayed(window, topic, epoch, batch);
        }
      }
      if (this.#window !== window) return false;
    }
    return true;
  }

  #replayed(window: Window, topic: Topic, epoch: string, batch: BatchReader): void {
    const { sequence: offset, timeUs } = batch;
    const { maxAgeMs, nowUs } = this.#parts;
    if (maxAgeMs !== undefined && timeUs < nowUs() - maxAgeMs * 1_000) {
      this.#skip(window, topic.id, { epoch, offset });
      this.#parts.lost({ topic: topic.name, epoch, from: offset, to: offset, reason: "too_old" });
      return;
    }
    this.#send(window, { topic, epoch, offset, timeUs, payload: batch.bytes.slice(batch.start, batch.end) });
  }

  #gap(window: Window, item: Extract<ReplayItem, { kind: "gap" }>): void {
    const { topic: id, epoch, from, to, reason } = item;
    const topic = this.#parts.hub.topicById(id)?.name ?? String(id);
    this.#parts.lost({ topic, epoch, from, to, reason });
    if (reason !== "epoch") this.#skip(window, id, { epoch, offset: to });
  }

  #skip(window: Window, topic: number, position: Position): void {
    this.#sent.set(topic, position);
    window.skip(topic, position);
  }

  #send(window: Window, event: OutgoingEvent): void {
    const position = { epoch: event.epoch, offset: event.offset };
    const sent = this.#sent.get(event.topic.id);
    // The recording and the queue may overlap by what was committed while the one was read.
    if (sent?.epoch === event.epoch && event.offset <= sent.offset) return;
    this.#sent.set(event.topic.id, position);
    const acked = window.sent(event.topic.id, position);
    this.#parts.publish(event, () => {
      this.delivered++;
      acked();
    });
  }
}

/** So many a second, in short runs. */
class Pace {
  #left: number;
  #run: number;
  #until: number;

  constructor(perSecond: number) {
    this.#run = Math.max(1, Math.ceil(perSecond / 100));
    this.#left = this.#run;
    this.#until = performance.now() + this.#run * 1_000 / perSecond;
    this.perSecond = perSecond;
  }

  readonly perSecond: number;

  exhausted(): boolean {
    return this.#left-- <= 0;
  }

  async wait(): Promise<boolean> {
    const pause = this.#until - performance.now();
    if (pause > 0) await new Promise((go) => setTimeout(go, Math.max(MIN_PAUSE_MS, pause)));
    const now = performance.now();
    // Timers are coarse: what they were late by is made up for, up to one run.
    const late = Math.min(now - this.#until, this.#run * 1_000 / this.perSecond);
    this.#until = now - Math.max(0, late) + this.#run * 1_000 / this.perSecond;
    this.#left = this.#run - 1;
    return true;
  }
}
