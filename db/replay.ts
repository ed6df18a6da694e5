/**
 * Plays recorded samples of many topics in order of time, as encoded batches, a page at a time.
 *
 * @module
 */
import type { ReplayItem, ReplayRequest } from "../hub/recording.ts";
import type { Position } from "../protocol/control.ts";
import { BatchWriter } from "../protocol/batch.ts";
import type { ReplayPage } from "./messages.ts";
import type { SampleSource } from "./sample_source.ts";
import { TopicStream } from "./topic_stream.ts";

/** A page ends when it has this many bytes, and may begin no further batch. */
const PAGE_BYTES = 262_144;

/** … or when it took this long, in milliseconds, so that other readers get their turn. */
const PAGE_MS = 10;

/** Bytes of unpacked samples that one replay holds, over all its topics. */
const HELD_BYTES = 32 * 1024 * 1024;

/** Least bytes that a topic holds, lest it is unpacked again for every sample. */
const MIN_HELD_BYTES = 4_096;

/** A sample too large for the batches asked for goes in one of its own, up to this size. */
const OVERSIZE_BYTES = 1024 * 1024;

interface Member {
  stream: TopicStream;
  /** Every sample counts: what is missing is told exactly. */
  exact: boolean;
  /** Epoch that the reader takes the next offsets to count in. */
  epoch: string;
}

/** One replay; `page` goes on where the last page ended. */
export class Replay {
  #members: Member[] = [];
  /** Heap of members by the time of their next sample. */
  #heap: Member[] = [];
  #waiting: Member[] = [];
  #items: ReplayItem[] = [];
  #bytes = 0;
  #batch: BatchWriter;
  #oversize: BatchWriter;

  /** `epoch` is the current one, `<gateway>.<run>`. */
  constructor(
    private readonly source: SampleSource,
    private readonly request: ReplayRequest,
    private readonly epoch: { gateway: string; run: number },
  ) {
    const { feed, maxBatchBytes } = request;
    this.#batch = new BatchWriter({ maxBytes: maxBatchBytes, feed, recorded: true });
    this.#oversize = new BatchWriter({ maxBytes: OVERSIZE_BYTES, feed, recorded: true });
    const held = Math.max(MIN_HELD_BYTES, Math.floor(HELD_BYTES / Math.max(1, request.topics.length)));
    for (const { id, after } of request.topics) {
      const member = this.#member(id, after, held);
      if (member) this.#members.push(member);
    }
    this.#waiting = [...this.#members];
  }

  #member(id: number, after: Position | undefined, held: number): Member | undefined {
    const topic = this.source.topicById(id);
    if (!topic) return undefined;
    const exact = topic.description.deliveryClass === "event";
    const current = this.#name(this.epoch.run);
    if (after) {
      const run = this.#runOf(after.epoch);
      if (run !== undefined) {
        return {
          exact,
          epoch: after.epoch,
          stream: new TopicStream(id, { run, offset: after.offset }, held),
        };
      }
      const from = after.offset + 1;
      const to = Number.MAX_SAFE_INTEGER;
      this.#items.push({ kind: "gap", topic: id, epoch: after.epoch, from, to, reason: "epoch" });
      const start = { run: this.epoch.run, offset: 0 };
      return { exact, epoch: after.epoch, stream: new TopicStream(id, start, held) };
    }
    if (this.request.fromUs === undefined) return undefined;
    const start = { fromUs: Math.max(1, this.request.fromUs) };
    return { exact, epoch: current, stream: new TopicStream(id, start, held) };
  }

  #name(run: number): string {
    return `${this.epoch.gateway}.${run}`;
  }

  /** Number of the run that an epoch names, or undefined when it is not one of this database. */
  #runOf(epoch: string): number | undefined {
    const prefix = `${this.epoch.gateway}.`;
    const run = Number(epoch.slice(prefix.length));
    const known = epoch.startsWith(prefix) && Number.isSafeInteger(run) && run >= 1 && run <= this.epoch.run;
    return known ? run : undefined;
  }

  /** Reads the next page. */
  page(): ReplayPage {
    const until = performance.now() + PAGE_MS;
    const done = this.source.look(() => {
      for (let next = this.#waiting.pop(); next; next = this.#waiting.pop()) {
        this.#enter(next);
        if (performance.now() > until) return false;
      }
      while (this.#heap.length > 0) {
        this.#play();
        if (this.#bytes >= PAGE_BYTES || performance.now() > until) return false;
      }
      return true;
    });
    this.#endBatch();
    const items = this.#items;
    this.#items = [];
    this.#bytes = 0;
    return { items, done };
  }

  /** Puts a member in its place in the heap, or lets it go when it has no more samples. */
  #enter(member: Member): void {
    const { stream } = member;
    const more = stream.hasHead || stream.load(this.source);
    const bound = this.request.until?.get(stream.topic);
    const over = !more ||
      (bound !== undefined && stream.pieceRun === this.epoch.run && stream.headOffset > bound);
    if (over) return this.#finish(member);
    this.#tellMissing(member);
    const epoch = this.#name(stream.pieceRun);
    if (epoch !== member.epoch) {
      this.#tell({ kind: "epoch", topic: stream.topic, epoch });
      member.epoch = epoch;
    }
    this.#push(member);
  }

  #finish(member: Member): void {
    this.#tellMissing(member);
    const current = this.#name(this.epoch.run);
    if (member.epoch !== current) this.#tell({ kind: "epoch", topic: member.stream.topic, epoch: current });
  }

  #tellMissing({ stream, exact }: Member): void {
    const { topic } = stream;
    const bound = this.request.until?.get(topic) ?? Infinity;
    for (const { run, from, to: last, reason } of stream.missing(this.source, exact, this.epoch.run)) {
      const to = run === this.epoch.run ? Math.min(last, bound) : last;
      if (to >= from) this.#tell({ kind: "gap", topic, epoch: this.#name(run), from, to, reason });
    }
  }

  /** Samples of the member whose turn it is, until another one's comes. */
  #play(): void {
    const heap = this.#heap;
    const member = heap[0]!;
    const { stream } = member;
    const { columns, topic } = stream;
    const otherUs = Math.min(heap[1]?.stream.headUs ?? Infinity, heap[2]?.stream.headUs ?? Infinity);
    const bound = stream.pieceRun === this.epoch.run ? this.request.until?.get(topic) ?? Infinity : Infinity;
    const goesOn = () =>
      stream.hasHead && stream.headOffset === stream.offset + 1 && stream.headOffset <= bound;
    do {
      const i = stream.index;
      this.#add(topic, stream.headOffset, stream.headUs, columns.bytes, columns.start(i), columns.ends[i]!);
      stream.advance();
    } while (goesOn() && stream.headUs <= otherUs && this.#bytes < PAGE_BYTES);
    if (goesOn()) return this.#sink(member);
    this.#pop();
    this.#enter(member);
  }

  #add(topic: number, offset: number, timeUs: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#batch.add(topic, offset, timeUs, bytes, start, end)) return;
    this.#endBatch();
    if (this.#batch.add(topic, offset, timeUs, bytes, start, end)) return;
    this.#oversize.add(topic, offset, timeUs, bytes, start, end);
    this.#take(this.#oversize);
  }

  #endBatch(): void {
    if (this.#batch.count > 0) this.#take(this.#batch);
  }

  #take(writer: BatchWriter): void {
    const samples = writer.count;
    const bytes = writer.takeCopy();
    this.#bytes += bytes.length;
    this.#items.push({ kind: "batch", bytes, samples });
  }

  /** Tells something about a topic, behind the samples before it. */
  #tell(item: ReplayItem): void {
    this.#endBatch();
    this.#items.push(item);
  }

  #push(member: Member): void {
    const heap = this.#heap;
    let at = heap.push(member) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.stream.headUs <= member.stream.headUs) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = member;
  }

  /** Takes the first member out of the heap. */
  #pop(): void {
    const last = this.#heap.pop();
    if (last && this.#heap.length > 0) this.#sink(last);
  }

  /** Puts a member at the top and lets it sink to its place. */
  #sink(member: Member): void {
    const heap = this.#heap;
    const { headUs } = member.stream;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.stream.headUs < heap[child]!.stream.headUs) child++;
      if (heap[child]!.stream.headUs >= headUs) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = member;
  }
}
