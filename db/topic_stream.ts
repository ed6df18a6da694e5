/**
 * The samples of one topic in the order of their offsets, read piece by piece.
 *
 * @module
 */
import { Columns } from "./columns.ts";
import type { Piece, SampleSource } from "./sample_source.ts";

/** Where a stream begins: behind a place, or at a time. */
export type StreamStart = { run: number; offset: number } | { fromUs: number };

/** A run's samples that are missing, `from` to `to` both included. */
export interface Missing {
  run: number;
  from: number;
  to: number;
  reason: "retention" | "overload";
}

/** Walks one topic; `head…` describe the next sample, valid while `hasHead`. */
export class TopicStream {
  /** The run and offset of the last sample taken, or of the place it started behind. */
  run: number;
  offset: number;
  columns: Columns = new Columns(0, 0);
  index = 0;
  /** Run of the samples in `columns`. */
  pieceRun = 0;
  /** Whether the offset of the next sample is known, so that what is missing can be told. */
  #expecting: boolean;
  #fromUs: number;
  #chunk = 0;
  /** The look in which no block was found behind the samples taken: in the same one the next cannot find any. */
  #beyondBlocks = 0;

  constructor(readonly topic: number, start: StreamStart, private readonly maxPieceBytes: number) {
    this.#expecting = "run" in start;
    this.run = "run" in start ? start.run : 0;
    this.offset = "run" in start ? start.offset : 0;
    this.#fromUs = "run" in start ? 0 : start.fromUs;
  }

  /** Whether there is a sample at hand. */
  get hasHead(): boolean {
    return this.index < this.columns.count;
  }

  get headOffset(): number {
    return this.columns.offsets[this.index]!;
  }

  get headUs(): number {
    return this.columns.timesUs[this.index]!;
  }

  /** Moves behind the head. */
  advance(): void {
    this.run = this.pieceRun;
    this.offset = this.columns.offsets[this.index]!;
    this.#expecting = true;
    this.index++;
  }

  /** Loads the next piece, within a look. @returns false when nothing more is on record now. */
  load(source: SampleSource): boolean {
    for (;;) {
      const first = this.run === 0 && this.#fromUs > 0;
      const piece = first ? this.#firstPiece(source) : this.#nextPiece(source);
      if (!piece) return false;
      this.pieceRun = piece.run;
      this.columns = piece.columns;
      if (this.#fromUs > 0) this.#skipToTime();
      if (this.hasHead) return true;
      this.run = piece.run;
      this.offset = piece.columns.lastOffset;
    }
  }

  /** Passes over the samples before the time to start at. */
  #skipToTime(): void {
    while (this.hasHead && this.headUs < this.#fromUs) this.index++;
    if (this.hasHead) this.#fromUs = 0;
  }

  #firstPiece(source: SampleSource): Piece | undefined {
    const block = source.blockAt(this.topic, this.#fromUs);
    if (!block) {
      // Nothing in blocks is new enough: go to the chunks behind the last block.
      return this.#fromChunks(source);
    }
    this.run = block.run;
    this.offset = block.firstOffset - 1;
    return this.#nextPiece(source);
  }

  #nextPiece(source: SampleSource): Piece | undefined {
    // Chunks hold a few samples of each topic, and a query for each piece would cost more than these.
    if (this.#beyondBlocks === source.looks) return this.#fromChunks(source);
    const [block] = source.blocksAfter(this.topic, this.run, this.offset, 1);
    if (!block) {
      this.#beyondBlocks = source.looks;
      return this.#fromChunks(source);
    }
    const columns = source.unpackBlock(block.id);
    this.index = block.run === this.run ? columns.after(this.offset) : 0;
    return { run: block.run, columns: this.#part(columns) };
  }

  #fromChunks(source: SampleSource): Piece | undefined {
    const found = source.inChunks(this.topic, this.run, this.offset, this.#chunk);
    if (!found) return undefined;
    this.#chunk = found.chunk;
    this.index = found.index;
    return found.piece;
  }

  /** With many topics at a time, only a part of each block is kept; the rest is unpacked again when its turn comes. */
  #part(columns: Columns): Columns {
    if (columns.size <= this.maxPieceBytes) return columns;
    const part = new Columns();
    const from = this.index;
    for (let i = from; i < columns.count && (i === from || part.size < this.maxPieceBytes); i++) {
      part.append(columns, i, i + 1);
    }
    this.index = 0;
    return part;
  }

  /** What is missing between the last sample taken and the head, or the end `endRun` when there is no head. */
  missing(source: SampleSource, exact: boolean, endRun: number): Missing[] {
    if (!this.#expecting) return [];
    const toRun = this.hasHead ? this.pieceRun : endRun;
    if (this.hasHead && toRun === this.run && this.headOffset === this.offset + 1) return [];
    const removed = new Map(
      source.trimmedIn(this.topic, this.run, toRun).map(({ run, lastOffset }) => [run, lastOffset]),
    );
    const result: Missing[] = [];
    for (const [run, lastOffset] of removed) {
      const from = run === this.run ? this.offset + 1 : 1;
      const to = this.hasHead && run === toRun ? Math.min(lastOffset, this.headOffset - 1) : lastOffset;
      if (to >= from) result.push({ run, from, to, reason: "retention" });
    }
    if (exact && this.hasHead) {
      const known = Math.max(removed.get(toRun) ?? 0, toRun === this.run ? this.offset : 0);
      if (this.headOffset - 1 > known) {
        result.push({ run: toRun, from: known + 1, to: this.headOffset - 1, reason: "overload" });
      }
    }
    return result;
  }
}
