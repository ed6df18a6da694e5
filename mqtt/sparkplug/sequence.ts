/**
 * The two counts of an edge node: of its messages, and of its connections.
 *
 * @module
 */
import type { CursorStore } from "../bridge/cursors.ts";

/** Both counts begin again behind 255 (Sparkplug 3.0 section 6.4.2.1). */
const MODULUS = 256;

/** `seq`: 0 with each NBIRTH, one more with each message after it. */
export class Sequence {
  #next = 0;

  /** Begins again, with an NBIRTH. */
  restart(): void {
    this.#next = 0;
  }

  next(): number {
    const value = this.#next;
    this.#next = (value + 1) % MODULUS;
    return value;
  }
}

/** What keeps the count of connections between runs: a cursor of no topic. */
const NO_TOPIC = 0;

/** `bdSeq`: one more with each CONNECT, so that a host can tell to which birth a death belongs. */
export class BirthDeathSequence {
  readonly #reader: string;
  #last: number | undefined;
  #sent = true;

  /**
   * @param node Group and node, which the count belongs to.
   * @param kept Cursors of earlier runs.
   */
  constructor(
    node: string,
    readonly store: CursorStore,
    kept: readonly { reader: string; offset: number }[],
  ) {
    this.#reader = `sparkplug bdSeq ${node}`;
    this.#last = kept.find(({ reader }) => reader === this.#reader)?.offset;
  }

  /** The next connection's, also where the last attempt had no CONNECT; on its way to disk when this returns. */
  next(): number {
    if (!this.#sent) return this.current;
    this.#sent = false;
    const value = this.#last === undefined ? 0 : (this.#last + 1) % MODULUS;
    this.#last = value;
    this.store.putCursor({ reader: this.#reader, topic: NO_TOPIC, epoch: "", offset: value });
    return value;
  }

  /** A CONNECT with it goes out. */
  sent(): void {
    this.#sent = true;
  }

  /** The present connection's. */
  get current(): number {
    return this.#last ?? 0;
  }
}
