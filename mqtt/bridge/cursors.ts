/**
 * Up to where the events of each topic have arrived at a broker, kept in the database: the whole spool of a
 * bridge, since the events themselves are on record already.
 *
 * @module
 */
import type { Position } from "../../protocol/control.ts";

/** Keeps cursors between runs; the database implements it. */
export interface CursorStore {
  putCursor(row: { reader: string; topic: number; epoch: string; offset: number }): void;
}

/** How often a cursor that moves is put on disk, in milliseconds: what a crash repeats at most. */
const KEEP_EVERY_MS = 100;

/** The cursors of one reader. */
export class Cursors {
  readonly #positions: Map<number, Position>;
  readonly #moved = new Set<number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly reader: string, readonly store: CursorStore, kept: Iterable<[number, Position]>) {
    this.#positions = new Map(kept);
  }

  get(topic: number): Position | undefined {
    return this.#positions.get(topic);
  }

  /** Every topic's place. */
  all(): Map<number, Position> {
    return new Map(this.#positions);
  }

  /** Begins with a topic: what comes behind `position` counts, also when no broker is there yet. */
  begin(topic: number, position: Position): void {
    this.#positions.set(topic, position);
    this.store.putCursor({ reader: this.reader, topic, ...position });
  }

  /** Everything up to `position` has arrived. */
  passed(topic: number, position: Position): void {
    this.#positions.set(topic, position);
    this.#moved.add(topic);
    this.#timer ??= setTimeout(() => this.keep(), KEEP_EVERY_MS);
  }

  /** Puts on disk what has moved. */
  keep(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const topic of this.#moved) {
      this.store.putCursor({ reader: this.reader, topic, ...this.#positions.get(topic)! });
    }
    this.#moved.clear();
  }
}
