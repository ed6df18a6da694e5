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

/** A chunk is handed over when it is this full: large enough to compress well and to make commits rare. */
export const CHUNK_BYTES = 262_144;

/** A chunk of state samples is handed over after this time, in milliseconds. */
const STATE_DELAY_MS = 1_000;

/** Least time between the commits of events, in milliseconds; the first after a pause is committed at once. */
const EVENT_INTERVAL_MS = 10;

/** Buffers kept for the next chunks. */
const SPARE_BUFFERS = 8;

/** Only full chunks are handed over while this many are under way: what is gathered meanwhile goes together. */
const MAX_PARTIAL_UNDER_WAY = 1;

/** Why samples were not recorded. */
export type RecorderDrop = "queue_full" | "write_error" | "refused";

/** Implements {@link Recorder} over a {@link CommitQueue}. */
export class ChunkRecorder implements Recorder {
  readonly drops: Record<RecorderDrop, number> = { queue_full: 0, write_error: 0, refused: 0 };
  #failing = false;
  #failed = Promise.withResolvers<void>();
  #chunk: ChunkWriter | undefined;
  #spare: ArrayBuffer[] = [];
  #underWay = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastEventSendMs = -Infinity;
  #sendQueued = false;
  #topics = new Map<number, Topic>();
  /** What is on disk. */
  readonly #committedSequences = new Producers();
  /** What was taken in this run, on disk or on its way. */
  readonly #accepted = new Producers();
  #listeners = new Set<EventCommitted>();
  #lastSent: Promise<void> = Promise.resolve();
  #closed = false;
  readonly #maxChunks: number;

  /** `maxQueuedBytes` bounds the open chunk and those under way to the writer together. */
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

  /** Bytes in the open chunk and in those under way. */
  get queuedBytes(): number {
    return this.#underWay * CHUNK_BYTES + (this.#chunk?.length ?? 0);
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
    this.#topics.set(topic.id, topic);
    this.commits.push({ kind: "topic", id: topic.id, description: topic.description });
  }

  state(sample: BorrowedSample): boolean {
    const chunk = this.#chunk;
    if (chunk !== undefined && chunk.state(sample)) return true;
    const next = this.#nextChunk();
    return next === undefined ? this.#dropped() : next.state(sample);
  }

  event(sample: BorrowedSample, producer: string, sequence: number): boolean {
    if (this.failing) return this.#dropped();
    if (!this.#chunk?.event(sample, producer, sequence)) {
      const next = this.#nextChunk();
      if (next === undefined) return this.#dropped();
      next.event(sample, producer, sequence);
    }
    // A topic of an earlier run is taken up again without being defined anew.
    if (!this.#topics.has(sample.topic.id)) this.#topics.set(sample.topic.id, sample.topic);
    this.#accepted.put(sample.topic.id, producer, sequence);
    this.#wantEventSend();
    return true;
  }

  lastSequence(topic: Topic, producer: string): number {
    return this.#committedSequences.get(topic.id, producer) ?? 0;
  }

  acceptedSequence(topic: Topic, producer: string): number {
    return this.#accepted.get(topic.id, producer) ?? this.lastSequence(topic, producer);
  }

  async flush(): Promise<void> {
    this.#send();
    await Promise.all([this.#lastSent, this.commits.settled()]);
  }

  onCommitted(committed: EventCommitted): () => void {
    this.#listeners.add(committed);
    return () => this.#listeners.delete(committed);
  }

  /** Hands over what is there and takes nothing more. */
  close(): void {
    this.#send();
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #dropped(): false {
    this.drops[this.failing ? "write_error" : "queue_full"]++;
    return false;
  }

  /** Hands over the open chunk, if any, and opens another unless too many are under way. */
  #nextChunk(): ChunkWriter | undefined {
    this.#send();
    if (this.#closed || this.#underWay >= this.#maxChunks - 1) return undefined;
    this.#chunk = new ChunkWriter(new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(CHUNK_BYTES)));
    this.#arm(STATE_DELAY_MS);
    return this.#chunk;
  }

  #arm(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#sendPartial(), delayMs);
  }

  /** Sends events at once after a pause, but behind the samples of the same message; else at most every few ms. */
  #wantEventSend(): void {
    if (this.#sendQueued) return;
    this.#sendQueued = true;
    const wait = this.#lastEventSendMs + EVENT_INTERVAL_MS - performance.now();
    if (wait <= 0) queueMicrotask(() => this.#sendPartial());
    else this.#arm(wait);
  }

  #sendPartial(): void {
    if (this.#chunk && this.#underWay < MAX_PARTIAL_UNDER_WAY) this.#send();
    else if (this.#chunk) this.#arm(EVENT_INTERVAL_MS);
  }

  #send(): void {
    const chunk = this.#chunk;
    if (chunk === undefined || chunk.count === 0) return;
    this.#chunk = undefined;
    clearTimeout(this.#timer);
    if (chunk.events > 0) {
      this.#lastEventSendMs = performance.now();
      this.#sendQueued = false;
    }
    this.#underWay++;
    const { length, count, events, minUs, maxUs } = chunk;
    this.#lastSent = this.commits.send({
      buffer: chunk.bytes.buffer,
      length,
      samples: count,
      events,
      minUs,
      maxUs,
    })
      .then((buffer) => this.#committed(buffer, length, events), (error) => this.#refused(error, count));
  }

  #committed(buffer: ArrayBuffer | undefined, length: number, events: number): void {
    this.#underWay--;
    if (!buffer) return;
    if (events > 0) this.#tell(new Uint8Array(buffer, 0, length));
    if (this.#spare.length < SPARE_BUFFERS) this.#spare.push(buffer);
    if (this.#sendQueued && this.#chunk) this.#wantSendAgain();
  }

  /** Events that gathered during a slow commit go as soon as the interval allows. */
  #wantSendAgain(): void {
    this.#sendQueued = false;
    this.#wantEventSend();
  }

  #refused(error: unknown, samples: number): void {
    this.#underWay--;
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
