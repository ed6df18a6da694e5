/**
 * Reads one topic as a series, thinned out to what a chart can show.
 *
 * Works through the recording in short looks with a turn for others in between. Where a block lies within one
 * bucket of the chart as a whole, its summary stands for it, so that a long time is drawn without unpacking it.
 *
 * @module
 */
import type { TopicDescription } from "../hub/topic.ts";
import type { Columns } from "./columns.ts";
import { decodeBlock } from "./block.ts";
import { lttb, MinMaxBuckets, type Pick, pick } from "./downsample.ts";
import { type NumberOf, numberOf, valueOf } from "./numbers.ts";
import type { BlockInfo, SampleSource } from "./sample_source.ts";
import type { Series, SeriesPoint, SeriesRequest } from "./store.ts";

/** Most points in one answer. */
const MAX_POINTS = 100_000;

/** Blocks looked up at a time. */
const BLOCKS_AT_A_TIME = 64;

/** Work done before other readers get their turn, in milliseconds. */
const TURN_MS = 10;

/** LTTB chooses among this many times as many points as it returns; those are found by min/max. */
const LTTB_CANDIDATES = 4;

/** Takes the samples of a range one after the other. */
interface Collector {
  /** Samples `from` to `to` (not included). */
  add(epoch: string, columns: Columns, from: number, to: number): void;
  /** Takes a whole block by its summary, of `samples` samples. @returns false when it needs the samples. */
  addSummary(epoch: string, block: BlockInfo, summary: Columns): boolean;
}

/** Reads a series. `gateway` names the epochs. @throws when the topic is not on record. */
export async function readSeries(
  source: SampleSource,
  gateway: string,
  request: SeriesRequest,
  turn: () => Promise<void>,
): Promise<Series> {
  const topic = source.topicByName(request.topic);
  if (!topic) throw new Error(`topic ${JSON.stringify(request.topic)} is not on record`);
  const maxPoints = Math.max(1, Math.min(request.maxPoints, MAX_POINTS));
  const first = new Picks(maxPoints);
  const total = await collect(source, gateway, topic.id, request, first, turn);
  if (total <= maxPoints || request.downsampling === "none") {
    return series(topic.description, request, total, first.picks, total > maxPoints);
  }
  const number = numberOf(topic.description, request.field);
  const candidates = request.downsampling === "lttb" ? maxPoints * LTTB_CANDIDATES : maxPoints;
  const span = { fromUs: first.firstUs, toUs: first.lastUs };
  const thinned = new Thinned(new MinMaxBuckets(span, Math.max(1, candidates >> 1)), number);
  await collect(source, gateway, topic.id, request, thinned, turn);
  const picks = thinned.buckets.picks();
  const points = request.downsampling === "lttb" ? lttb(picks, maxPoints) : picks;
  return series(topic.description, request, total, points, false);
}

function series(
  description: TopicDescription,
  { topic }: SeriesRequest,
  total: number,
  picks: Pick[],
  truncated: boolean,
): Series {
  const value = valueOf(description);
  const points = picks.map(({ epoch, offset, timeUs, payload }): SeriesPoint => {
    const decoded = value(payload);
    return { epoch, offset, timeUs, payload, ...(decoded === undefined ? {} : { value: decoded }) };
  });
  return { topic, description, total, truncated, points };
}

/** Keeps the first samples, and the span of all. */
class Picks implements Collector {
  readonly picks: Pick[] = [];
  firstUs = Infinity;
  lastUs = 0;

  constructor(private readonly max: number) {}

  add(epoch: string, columns: Columns, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      const timeUs = columns.timesUs[i]!;
      if (timeUs < this.firstUs) this.firstUs = timeUs;
      if (timeUs > this.lastUs) this.lastUs = timeUs;
      if (this.picks.length < this.max) this.picks.push(pick(epoch, columns, i, NaN));
    }
  }

  addSummary(_epoch: string, block: BlockInfo): boolean {
    if (this.picks.length < this.max) return false;
    this.firstUs = Math.min(this.firstUs, block.minUs);
    this.lastUs = Math.max(this.lastUs, block.maxUs);
    return true;
  }
}

/** Sorts samples into buckets of time. */
class Thinned implements Collector {
  constructor(readonly buckets: MinMaxBuckets, private readonly number: NumberOf) {}

  add(epoch: string, columns: Columns, from: number, to: number): void {
    this.buckets.add(epoch, columns, from, to, this.number);
  }

  addSummary(epoch: string, block: BlockInfo, summary: Columns): boolean {
    if (!this.buckets.sameBucket(block.minUs, block.maxUs)) return false;
    this.add(epoch, summary, 0, summary.count);
    return true;
  }
}

/** Feeds the samples of the request's range to `collector`. @returns how many there are. */
async function collect(
  source: SampleSource,
  gateway: string,
  topic: number,
  request: SeriesRequest,
  collector: Collector,
  turn: () => Promise<void>,
): Promise<number> {
  const range = new RangeReader(source, gateway, topic, request, collector);
  while (!source.look(() => range.some(performance.now() + TURN_MS))) await turn();
  return range.total;
}

/** Goes through one topic's range; a look at a time, each from where the last one ended. */
class RangeReader {
  total = 0;
  #run = 0;
  #offset = 0;
  #chunk = 0;
  #started = false;

  constructor(
    private readonly source: SampleSource,
    private readonly gateway: string,
    private readonly topic: number,
    private readonly request: SeriesRequest,
    private readonly collector: Collector,
  ) {}

  /** Works until the time is up. @returns true when the range is done. */
  some(until: number): boolean {
    if (!this.#started) this.#start();
    for (;;) {
      const blocks = this.source.blocksAfter(this.topic, this.#run, this.#offset, BLOCKS_AT_A_TIME);
      if (blocks.length === 0) return this.#chunks(until);
      for (const block of blocks) {
        if (block.minUs > this.request.toUs) return true;
        this.#block(block);
        this.#run = block.run;
        this.#offset = block.lastOffset;
        if (performance.now() > until) return false;
      }
    }
  }

  #start(): void {
    this.#started = true;
    const block = this.source.blockAt(this.topic, this.request.fromUs);
    if (block) {
      this.#run = block.run;
      this.#offset = block.firstOffset - 1;
    } else {
      const last = this.source.lastBlock(this.topic);
      this.#run = last?.run ?? 0;
      this.#offset = last?.lastOffset ?? 0;
    }
  }

  #block(block: BlockInfo): void {
    const { fromUs, toUs, session } = this.request;
    if (session !== undefined && block.session !== 0 && block.session !== session) return;
    const inside = block.minUs >= fromUs && block.maxUs <= toUs && block.run >= this.#run &&
      (block.run > this.#run || block.firstOffset > this.#offset) &&
      (session === undefined || block.session !== 0);
    const epoch = `${this.gateway}.${block.run}`;
    if (inside && block.summary && this.collector.addSummary(epoch, block, decodeBlock(block.summary))) {
      this.total += block.samples;
      return;
    }
    const columns = this.source.unpackBlock(block.id);
    this.#samples(block.run, columns, block.run === this.#run ? columns.after(this.#offset) : 0);
  }

  #chunks(until: number): boolean {
    for (;;) {
      const found = this.source.inChunks(this.topic, this.#run, this.#offset, this.#chunk);
      if (!found) return true;
      const { piece, index, chunk } = found;
      this.#samples(piece.run, piece.columns, index);
      this.#run = piece.run;
      this.#offset = piece.columns.lastOffset;
      this.#chunk = chunk;
      if (performance.now() > until) return false;
    }
  }

  #samples(run: number, columns: Columns, from: number): void {
    const { fromUs, toUs, session } = this.request;
    const epoch = `${this.gateway}.${run}`;
    const { timesUs, sessions, count } = columns;
    const wanted = (i: number) =>
      timesUs[i]! >= fromUs && timesUs[i]! <= toUs && (session === undefined || sessions[i] === session);
    for (let i = from; i < count; i++) {
      if (!wanted(i)) continue;
      let end = i + 1;
      while (end < count && wanted(end)) end++;
      this.total += end - i;
      this.collector.add(epoch, columns, i, end);
      i = end;
    }
  }
}
