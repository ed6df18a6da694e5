/**
 * A recording in memory whose commits the test steps.
 *
 * @module
 */
import { BatchWriter } from "../../protocol/batch.ts";
import type {
  EventCommitted,
  Recorder,
  RecordingReader,
  ReplayItem,
  ReplayRequest,
} from "../../hub/recording.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";

/** One sample on record. */
export interface Recorded extends BorrowedSample {
  epoch: string;
  producer?: string;
  sequence?: number;
}

/** Recorder and reader over one list. Without `commit()` nothing is on record. */
export class MemoryRecording implements Recorder, RecordingReader {
  readonly committed: Recorded[] = [];
  readonly defined = new Map<number, Topic>();
  /** Whether the queue to the disk is full. */
  full = false;
  /** Commits everything at the end of the turn in which it came, instead of waiting for {@link commit}. */
  automatic = false;
  #open: Recorded[] = [];
  #sequences = new Map<string, number>();
  #accepted = new Map<string, number>();
  #flushes: (() => void)[] = [];
  #listeners = new Set<EventCommitted>();

  define(topic: Topic): void {
    this.defined.set(topic.id, topic);
  }

  state(sample: BorrowedSample): boolean {
    if (this.full) return false;
    this.#append(sample);
    return true;
  }

  event(sample: BorrowedSample, producer: string, sequence: number): boolean {
    if (this.full) return false;
    this.#accepted.set(key(sample.topic, producer), sequence);
    this.#append(sample, { producer, sequence });
    return true;
  }

  lastSequence(topic: Topic, producer: string): number {
    return this.#sequences.get(key(topic, producer)) ?? 0;
  }

  acceptedSequence(topic: Topic, producer: string): number {
    return Math.max(this.#accepted.get(key(topic, producer)) ?? 0, this.lastSequence(topic, producer));
  }

  flush(): Promise<void> {
    if (this.automatic) this.commit();
    else if (this.#open.length > 0) return new Promise((resolve) => this.#flushes.push(resolve));
    return Promise.resolve();
  }

  onCommitted(committed: EventCommitted): () => void {
    this.#listeners.add(committed);
    return () => void this.#listeners.delete(committed);
  }

  /** Samples that wait for their commit. */
  get waiting(): number {
    return this.#open.length;
  }

  /** Puts everything that waits on record. */
  commit(): void {
    const open = this.#open;
    this.#open = [];
    for (const sample of open) {
      this.committed.push(sample);
      if (sample.producer === undefined) continue;
      this.#sequences.set(key(sample.topic, sample.producer), sample.sequence!);
      for (const committed of this.#listeners) committed(sample, sample.producer, sample.sequence!);
    }
    const flushes = this.#flushes;
    this.#flushes = [];
    for (const done of flushes) done();
  }

  /** Loses everything that waits, as a crash would. */
  crash(): void {
    this.#open = [];
    this.#accepted.clear();
  }

  async *replay(request: ReplayRequest): AsyncGenerator<ReplayItem> {
    await this.flush();
    const wanted = new Map(request.topics.map((topic) => [topic.id, topic]));
    const writer = new BatchWriter({ maxBytes: request.maxBatchBytes, feed: request.feed, recorded: true });
    const batch = (): ReplayItem => ({ kind: "batch", samples: writer.count, bytes: writer.takeCopy() });
    const epochs = new Map<number, string>();
    const counts = (id: number, current: string) => epochs.get(id) ?? wanted.get(id)?.after?.epoch ?? current;
    for (const sample of [...this.committed]) {
      const { topic, epoch, offset, timeUs, bytes, start, end } = sample;
      const want = wanted.get(topic.id);
      if (!want) continue;
      if (epoch === topic.epoch && offset > (request.until?.get(topic.id) ?? Infinity)) continue;
      if (want.after) {
        if (epoch === want.after.epoch ? offset <= want.after.offset : epoch !== topic.epoch) continue;
      } else if (timeUs < (request.fromUs ?? Infinity)) continue;
      await Promise.resolve();
      if (epoch !== counts(topic.id, topic.epoch)) {
        if (writer.count > 0) yield batch();
        yield { kind: "epoch", topic: topic.id, epoch };
        epochs.set(topic.id, epoch);
      }
      if (writer.add(topic.id, offset, timeUs, bytes, start, end)) continue;
      yield batch();
      writer.add(topic.id, offset, timeUs, bytes, start, end);
    }
    if (writer.count > 0) yield batch();
    for (const { id } of request.topics) {
      const current = this.defined.get(id)?.epoch;
      if (current !== undefined && counts(id, current) !== current) {
        yield { kind: "epoch", topic: id, epoch: current };
      }
    }
  }

  #append(sample: BorrowedSample, event: { producer?: string; sequence?: number } = {}): void {
    const bytes = sample.bytes.slice(sample.start, sample.end);
    const { topic } = sample;
    this.#open.push({ ...sample, ...event, epoch: topic.epoch, bytes, start: 0, end: bytes.length });
    if (this.automatic && this.#open.length === 1) queueMicrotask(() => this.commit());
  }
}

function key(topic: Topic, producer: string): string {
  return `${topic.id} ${producer}`;
}
