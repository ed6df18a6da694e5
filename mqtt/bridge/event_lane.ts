/**
 * Events on their way to a broker. While the broker keeps up they come straight from the hub; whenever it does
 * not, or was away, they come from the recording, behind the last one that arrived. Nothing is kept in memory
 * but bounded queues, so a broker may be away for as long as the recording reaches back. A topic that has caught
 * up is live again whatever is still to be read of others: live events go first.
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
import { EventQueue } from "./event_queue.ts";
import type { LostEvents, OutgoingEvent } from "./outgoing_event.ts";
import { Pace } from "./pace.ts";
import { SpoolLimit } from "./spool_limit.ts";
import { Window } from "./window.ts";

/** Bytes of live events that wait in either queue; beyond, the lane goes on from the recording. */
const MAX_QUEUE_BYTES = 8 * 1024 * 1024;

/** Places of the window that the recording leaves to live events: a sixteenth. */
const reserve = (size: number) => size >> 4;

/** Largest batch that is read back at a time, in bytes. */
const BATCH_BYTES = Math.min(65_536, MAX_MESSAGE_BYTES);

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
  /** When more than this waits for the broker the oldest goes; in bytes. */
  maxBytes?: number;
  /** Payload bytes that may be under way unacknowledged; without, the window's size alone bounds it. */
  maxUnderWayBytes?: number;
  /** Publishes; calls `acked` once the broker has it or has refused it for good, at most once. */
  publish(event: OutgoingEvent, acked: () => void): void;
  lost(lost: LostEvents): void;
  fault(error: unknown): void;
  nowUs(): number;
}

/** The events of one rule. */
export class EventLane implements PatternListener {
  patterns: PatternSet;
  /** Events acknowledged by the broker. */
  delivered = 0;
  /** Whether it is reading the recording. */
  draining = false;
  readonly #parts: EventLaneParts;
  /** Live events of topics that have caught up: they go before everything else. */
  readonly #live = new EventQueue(MAX_QUEUE_BYTES);
  /** Live events of topics that are being read back: they go behind what is on record. */
  readonly #later = new EventQueue(MAX_QUEUE_BYTES);
  readonly #spool: SpoolLimit | undefined;
  /** Topics that are being read back. */
  #behind: ReadonlySet<number> = new Set();
  #window: Window | undefined;
  #sent = new Map<number, Position>();
  #wake = () => {};

  constructor(parts: EventLaneParts) {
    this.#parts = parts;
    this.patterns = parts.patterns;
    for (const topic of parts.hub.listen(this)) this.#known(topic, topic.deliveredOffset);
    if (parts.maxBytes === undefined) return;
    this.#spool = new SpoolLimit({
      ...parts,
      maxBytes: parts.maxBytes,
      sent: (topic) => this.#window ? this.#sent.get(topic) : parts.cursors.get(topic),
    });
    this.#spool.addUp().catch((error) => parts.fault(error));
  }

  /** Bytes that wait for the broker, where there is a limit for them. */
  get spooledBytes(): number | undefined {
    return this.#spool?.bytes;
  }

  /** Events that were handed over and not acknowledged. */
  get underWay(): number {
    return this.#window?.unacked ?? 0;
  }

  /** Takes the events of other topics: those that it did not take so far begin with what comes from now on. */
  retarget(patterns: PatternSet): void {
    const { hub } = this.#parts;
    const former = this.patterns;
    hub.unlisten(this);
    this.patterns = patterns;
    for (const topic of hub.listen(this)) {
      if (former.has(topic.name)) this.#known(topic, topic.deliveredOffset);
      else if (this.#takes(topic)) this.#begin(topic, topic.deliveredOffset);
    }
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
    const { topic } = sample;
    if (!this.#takes(topic)) return;
    this.#spool?.add(sample);
    const window = this.#window;
    if (!window) return;
    if (this.#behind.has(topic.id)) return void this.#later.put(sample);
    if (this.#live.empty && !this.#live.overflowed && !window.full) {
      const { offset, timeUs, bytes, start, end } = sample;
      return this.#send(window, { topic, epoch: topic.epoch, offset, timeUs, bytes, start, end });
    }
    this.#live.put(sample);
    this.#wake();
  }

  /** A broker is there that takes `size` unacknowledged events at a time: sends what it does not have, then what comes. */
  online(size: number): void {
    this.offline();
    const { cursors, maxUnderWayBytes } = this.#parts;
    const window = new Window(size, (topic, position) => this.#passed(topic, position), maxUnderWayBytes);
    this.#window = window;
    this.#sent = cursors.all();
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
    this.#live.reset();
    this.#later.reset();
    // Nothing moves until it is back: what arrived is not to count as waiting should the gateway be killed.
    this.#parts.cursors.keep();
    this.#wake();
  }

  /** The bridge is over. */
  stop(): void {
    this.offline();
    this.#parts.hub.unlisten(this);
  }

  #passed(topic: number, position: Position): void {
    // Given up meanwhile: the cursor is there already.
    if (this.#spool?.isGivenUp(topic, position.epoch, position.offset)) return;
    this.#parts.cursors.passed(topic, position);
    this.#spool?.passed(topic, position);
  }

  #takes(topic: Topic): boolean {
    return topic.description.deliveryClass === "event" && !topic.description.writable;
  }

  #known(topic: Topic, offset: number): void {
    if (this.#takes(topic) && !this.#parts.cursors.get(topic.id)) this.#begin(topic, offset);
  }

  #begin(topic: Topic, offset: number): void {
    const position = { epoch: topic.epoch, offset };
    this.#parts.cursors.begin(topic.id, position);
    this.#sent.set(topic.id, position);
  }

  async #run(window: Window): Promise<void> {
    while (this.#window === window) {
      const marks = this.#collect();
      if (marks.size > 0) {
        this.draining = true;
        if (!await this.#drain(window, marks) || !await this.#catchUp(window)) return;
        this.draining = false;
      }
      if (!await this.#goOn(window)) return;
    }
  }

  /** Where the recording has to be read up to, per topic that is behind; its live events wait from now on. */
  #collect(): Map<number, number> {
    // What waits in a queue that did not overflow is as good as sent.
    const queued = this.#live.overflowed ? new Map<number, number>() : this.#live.newest();
    if (this.#live.overflowed) this.#live.reset();
    this.#later.reset();
    const marks = new Map<number, number>();
    for (const topic of this.#parts.hub.matching(this.patterns)) {
      if (!this.#takes(topic)) continue;
      const at = this.#sent.get(topic.id);
      const reached = Math.max(at?.epoch === topic.epoch ? at.offset : -1, queued.get(topic.id) ?? -1);
      if (reached < topic.deliveredOffset) marks.set(topic.id, topic.deliveredOffset);
    }
    this.#behind = new Set(marks.keys());
    return marks;
  }

  /** Sends live events while there is room for them. */
  #flushLive(window: Window): void {
    while (!window.full) {
      const event = this.#live.take();
      if (!event) return;
      this.#send(window, event);
    }
  }

  /** Sends what came meanwhile for topics that were behind; false when the connection is over. */
  async #catchUp(window: Window): Promise<boolean> {
    for (let event = this.#later.take(); event; event = this.#later.take()) {
      if (!await this.#roomBehindLive(window)) return false;
      this.#send(window, event);
    }
    // Those whose events overflowed are found to be behind again.
    if (!this.#later.overflowed) this.#behind = new Set();
    return this.#window === window;
  }

  /** Lets live events go as they come, until there is something to read back; false when the connection is over. */
  async #goOn(window: Window): Promise<boolean> {
    for (;;) {
      this.#flushLive(window);
      if (this.#live.overflowed || this.#later.overflowed) return true;
      if (this.#live.empty) {
        await new Promise<void>((wake) => this.#wake = wake);
        this.#wake = () => {};
      } else if (!await window.room()) return false;
      if (this.#window !== window) return false;
    }
  }

  /** Waits for room that live events leave; false when the connection is over. */
  async #roomBehindLive(window: Window): Promise<boolean> {
    this.#flushLive(window);
    while (!window.hasRoom(reserve(window.size))) {
      if (!await window.change()) return false;
      this.#flushLive(window);
    }
    return this.#window === window;
  }

  /** Sends what is on record behind what was sent; false when the connection is over. */
  async #drain(window: Window, marks: Map<number, number>): Promise<boolean> {
    const { hub, reader, drainPerSecond } = this.#parts;
    const topics = [...marks.keys()].map((id) => ({ id, after: this.#sent.get(id)! }));
    const epochs = new Map(topics.map(({ id, after }) => [id, after.epoch]));
    const items = reader.replay({ topics, until: marks, feed: 0, maxBatchBytes: BATCH_BYTES });
    const pace = new Pace(drainPerSecond);
    const batch = new BatchReader();
    for await (const item of items) {
      if (item.kind === "epoch") {
        epochs.set(item.topic, item.epoch);
        this.#skip(window, item.topic, { epoch: item.epoch, offset: 0 });
      } else if (item.kind === "gap") {
        this.#gap(window, item);
      } else {
        batch.open(item.bytes);
        while (batch.next()) {
          const topic = hub.topicById(batch.channel);
          const epoch = epochs.get(batch.channel);
          if (!topic || epoch === undefined) continue;
          if (pace.exhausted()) await pace.wait();
          if (!this.#hasRoom(window) && !await this.#roomBehindLive(window)) return false;
          if (this.#window !== window) return false;
          this.#replayed(window, topic, epoch, batch);
        }
      }
      if (this.#window !== window) return false;
    }
    return true;
  }

  #hasRoom(window: Window): boolean {
    return this.#live.empty && window.hasRoom(reserve(window.size));
  }

  #replayed(window: Window, topic: Topic, epoch: string, batch: BatchReader): void {
    const { sequence: offset, timeUs } = batch;
    const { maxAgeMs, nowUs } = this.#parts;
    if (this.#spool?.isGivenUp(topic.id, epoch, offset)) {
      return this.#skip(window, topic.id, { epoch, offset });
    }
    if (maxAgeMs !== undefined && timeUs < nowUs() - maxAgeMs * 1_000) {
      this.#skip(window, topic.id, { epoch, offset });
      this.#parts.lost({ topic: topic.name, epoch, from: offset, to: offset, reason: "too_old" });
      return;
    }
    const { bytes, start, end } = batch;
    this.#send(window, { topic, epoch, offset, timeUs, bytes, start, end });
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
    const acked = window.sent(event.topic.id, position, event.end - event.start);
    this.#parts.publish(event, () => {
      this.delivered++;
      acked();
    });
  }
}
