/**
 * The main thread's end of the recording: copies samples into a buffer and hands full buffers to the writer.
 *
 * @module
 */
import type { EventCommitted, Recorder } from "../hub/recording.ts";
import type { BorrowedSample } from "../hub/sample.ts";
import type { Topic } from "../hub/topic.ts";
import { ChunkReader, ChunkWriter } from "./chunk.ts";
import type { CommitQueue } from "./commits.ts";
import type { ProducerPosition } from "./messages.ts";
import { Producers } from "./producers.ts";
import { release } from "./release.ts";

/** A chunk is handed over when it is this full: large enough to compress well and to make commits rare. */
export const CHUNK_BYTES = 262_144;

/** A chunk of state samples is handed over after this time, in milliseconds. */
const STATE_DELAY_MS = 1_000;

/** Least time between the commits of events, in milliseconds; the first after a pause is committed at once. */
const EVENT_INTERVAL_MS = 5;

/** Buffers kept for the next chunks. */
const SPARE_BUFFERS = 8;

/** Only full chunks are handed over while this many of a lane are under way: what is gathered meanwhile goes together. */
const MAX_PARTIAL_UNDER_WAY = 1;

/**
 * What is gathered for one commit. Topics of state and of events have a lane each, so that an event's commit is a
 * few hundred bytes and does not wait until the state samples beside it are packed.
 */
class Lane {
  chunk: ChunkWriter | undefined;
  /** Chunks sent and not committed yet. */
  underWay = 0;
  timer: ReturnType<typeof setTimeout> | undefined;
  lastEventSendMs = -Infinity;
  sendQueued = false;
}

/** Why samples were not recorded. */
export type RecorderDrop = "queue_full" | "write_error" | "refused";

/** Implements {@link Recorder} over a {@link CommitQueue}. */
export class ChunkRecorder implements Recorder {
  readonly drops: Record<RecorderDrop, number> = { queue_full: 0, write_error: 0, refused: 0 };
  #failing = false;
  #failed = Promise.withResolvers<void>();
  readonly #states = new Lane();
  readonly #events = new Lane();
  #spare: ArrayBuffer[] = [];
  #topics = new Map<number, Topic>();
  /** Ids of topics whose samples go by the lane of events. */
  readonly #eventTopics = new Set<number>();
  /** What is on disk. */
  readonly #committedSequences = new Producers();
  /** What was taken in this run, on disk or on its way. */
  readonly #accepted = new Producers();
  #listeners = new Set<EventCommitted>();
  #lastSent: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #maxChunks: number;

  /** `maxQueuedBytes` bounds the open chunks and those under way to the writer together. */
  constructor(
    private readonly commits: CommitQueue,
    producers: ProducerPosition[],
    maxQueuedBytes: number,
    private readonly log: (message: string) => void,
  ) {
    this.#maxChunks = Math.max(2, Math.floor(maxQueuedBytes / CHUNK_BYTES));
    for (const { topic, producer, sequence } of producers) {
      this.#committedSequences.put(topic, producer, sequence);
    }
  }

  /** Bytes in the open chunks and in those under way. */
  get queuedBytes(): number {
    const { chunk: states, underWay } = this.#states;
    const { chunk: events, underWay: more } = this.#events;
    return (underWay + more) * CHUNK_BYTES + (states?.length ?? 0) + (events?.length ?? 0);
  }

  /** Set while the disk refuses: events are then turned away at once. */
  get failing(): boolean {
    return this.#failing;
  }

  set failing(failing: boolean) {
    this.#failing = failing;
    if (failing) this.#failed.resolve();
    else this.#failed = Promise.withResolvers<void>();
  }

  /** As {@link flush}, but does not wait for a disk that refuses: for readers, who take what there is. */
  async flushIfPossible(): Promise<void> {
    await Promise.race([this.flush(), this.#failed.promise]);
  }

  define(topic: Topic): void {
    this.#placeInLane(topic);
    this.#topics.set(topic.id, topic);
    this.commits.push({ kind: "topic", id: topic.id, description: topic.description });
  }

  /** Samples of a topic stay in the order of their offsets: what changes lanes goes behind all that is gathered. */
  #placeInLane({ id, description }: Topic): void {
    const isEvent = description.deliveryClass === "event";
    if (isEvent === this.#eventTopics.has(id)) return;
    if (this.#topics.has(id)) this.#sendAll();
    if (isEvent) this.#eventTopics.add(id);
    else this.#eventTopics.delete(id);
  }

  /** By the topic's class, not the sample's: a sender may still go by the class of before. */
  #laneOf(topic: Topic): Lane {
    return topic.description.deliveryClass === "event" ? this.#events : this.#states;
  }

  state(sample: BorrowedSample): boolean {
    const lane = this.#laneOf(sample.topic);
    const chunk = lane.chunk;
    if (chunk !== undefined && chunk.state(sample)) return true;
    const next = this.#nextChunk(lane);
    return next === undefined ? this.#dropped() : next.state(sample);
  }

  event(sample: BorrowedSample, producer: string, sequence: number): boolean {
    if (this.failing) return this.#dropped();
    const lane = this.#laneOf(sample.topic);
    if (!lane.chunk?.event(sample, producer, sequence)) {
      const next = this.#nextChunk(lane);
      if (next === undefined) return this.#dropped();
      next.event(sample, producer, sequence);
    }
    // A topic of an earlier run is taken up again without being defined anew.
    if (!this.#topics.has(sample.topic.id)) this.#topics.set(sample.topic.id, sample.topic);
    this.#accepted.put(sample.topic.id, producer, sequence);
    this.#wantEventSend(lane);
    return true;
  }

  lastSequence(topic: Topic, producer: string): number {
    return this.#committedSequences.get(topic.id, producer) ?? 0;
  }

  acceptedSequence(topic: Topic, producer: string): number {
    return this.#accepted.get(topic.id, producer) ?? this.lastSequence(topic, producer);
  }

  async flush(): Promise<void> {
    this.#sendAll();
    await Promise.all([this.#lastSent, this.commits.settled()]);
  }

  onCommitted(committed: EventCommitted): () => void {
    this.#listeners.add(committed);
    return () => this.#listeners.delete(committed);
  }

  /** Hands over what is there and takes nothing more. */
  close(): void {
    this.#sendAll();
    this.#closed = true;
    for (const lane of [this.#states, this.#events]) clearTimeout(lane.timer);
  }

  #dropped(): false {
    this.drops[this.failing ? "write_error" : "queue_full"]++;
    return false;
  }

  /** Hands over the lane's open chunk, if any, and opens another unless too many are open or under way. */
  #nextChunk(lane: Lane): ChunkWriter | undefined {
    this.#send(lane);
    if (this.#closed || this.#chunks + 1 >= this.#maxChunks) return undefined;
    lane.chunk = new ChunkWriter(new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(CHUNK_BYTES)));
    this.#arm(lane, STATE_DELAY_MS);
    return lane.chunk;
  }

  /** Chunks open or under way. */
  get #chunks(): number {
    const { chunk: states, underWay } = this.#states;
    const { chunk: events, underWay: more } = this.#events;
    return underWay + more + (states ? 1 : 0) + (events ? 1 : 0);
  }

  #arm(lane: Lane, delayMs: number): void {
    clearTimeout(lane.timer);
    lane.timer = setTimeout(() => this.#sendPartial(lane), delayMs);
  }

  /** Sends events at once after a pause, but behind the samples of the same message; else at most every few ms. */
  #wantEventSend(lane: Lane): void {
    if (lane.sendQueued) return;
    lane.sendQueued = true;
    const wait = lane.lastEventSendMs + EVENT_INTERVAL_MS - performance.now();
    if (wait <= 0) queueMicrotask(() => this.#sendPartial(lane));
    else this.#arm(lane, wait);
  }

  #sendPartial(lane: Lane): void {
    if (lane.chunk && lane.underWay < MAX_PARTIAL_UNDER_WAY) this.#send(lane);
    else if (lane.chunk) this.#arm(lane, EVENT_INTERVAL_MS);
  }

  #sendAll(): void {
    this.#send(this.#states);
    this.#send(this.#events);
  }

  #send(lane: Lane): void {
    const chunk = lane.chunk;
    if (chunk === undefined || chunk.count === 0) return;
    lane.chunk = undefined;
    clearTimeout(lane.timer);
    if (chunk.events > 0) {
      lane.lastEventSendMs = performance.now();
      lane.sendQueued = false;
    }
    lane.underWay++;
    const { length, count, events, minUs, maxUs } = chunk;
    this.#lastSent = this.commits.send({
      buffer: chunk.bytes.buffer,
      length,
      samples: count,
      events,
      minUs,
      maxUs,
    })
      .then(
        (buffer) => this.#committed(lane, buffer, length, events),
        (error) => this.#refused(lane, error, count),
      );
  }

  #committed(lane: Lane, buffer: ArrayBuffer | undefined, length: number, events: number): void {
    lane.underWay--;
    if (!buffer) return;
    const bytes = new Uint8Array(buffer);
    if (events > 0) this.#tell(bytes.subarray(0, length));
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer);
    else release(bytes);
    if (lane.sendQueued && lane.chunk) this.#wantSendAgain(lane);
  }

  /** Events that gathered during a slow commit go as soon as the interval allows. */
  #wantSendAgain(lane: Lane): void {
    lane.sendQueued = false;
    this.#wantEventSend(lane);
  }

  #refused(lane: Lane, error: unknown, samples: number): void {
    lane.underWay--;
    this.drops.refused += samples;
    this.log(`${samples} samples were not recorded: ${(error as Error).message}`);
  }

  /** Tells of each event of a committed chunk, in order. */
  #tell(bytes: Uint8Array): void {
    const reader = new ChunkReader(bytes);
    while (reader.next()) {
      if (!reader.isEvent) continue;
      const { producer, sequence, offset, timeUs, session, start, end } = reader;
      this.#committedSequences.put(reader.topic, producer, sequence);
      const topic = this.#topics.get(reader.topic);
      if (!topic) continue;
      const sample: BorrowedSample = { topic, offset, timeUs, session, bytes, start, end };
      for (const listener of this.#listeners) this.#tellOne(listener, sample, producer, sequence);
    }
  }

  /** What one listener throws must not keep the next events, which are on disk, from everybody. */
  #tellOne(listener: EventCommitted, sample: BorrowedSample, producer: string, sequence: number): void {
    try {
      listener(sample, producer, sequence);
    } catch (error) {
      this.log(`a committed event of ${sample.topic.name} was not delivered: ${(error as Error).stack}`);
    }
  }
}
