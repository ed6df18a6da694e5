/**
 * What is under way to a broker and not acknowledged: bounded, and remembered in order, so that a place in the
 * recording is given up only when everything before it has arrived.
 *
 * @module
 */
import type { Position } from "../../protocol/control.ts";

/** A message under way. */
export interface UnderWay {
  topic: number;
  position: Position;
  bytes: number;
  done: boolean;
}

/** The window of one rule on one connection. */
export class Window {
  #queue: UnderWay[] = [];
  #head = 0;
  #unacked = 0;
  #bytes = 0;
  #waiting: (() => void)[] = [];
  #closed = false;

  /**
   * @param size Unacknowledged messages at a time.
   * @param passed Told how far each topic has arrived, in order.
   * @param maxBytes It is full with more than this unacknowledged, however few messages it is.
   */
  constructor(
    readonly size: number,
    readonly passed: (topic: number, position: Position) => void,
    readonly maxBytes = Infinity,
  ) {}

  /** Messages that are not acknowledged. */
  get unacked(): number {
    return this.#unacked;
  }

  get full(): boolean {
    return !this.hasRoom(0);
  }

  /** Whether there is room for a message that leaves `reserve` places to others. */
  hasRoom(reserve: number): boolean {
    return this.#unacked < this.size - reserve && this.#bytes <= this.maxBytes;
  }

  /** Resolves when there is room, or false when the window is closed. */
  async room(): Promise<boolean> {
    while (this.full && !this.#closed) await new Promise<void>((go) => this.#waiting.push(go));
    return !this.#closed;
  }

  /** Resolves at the next acknowledgement, or with false when the window is closed. */
  async change(): Promise<boolean> {
    if (!this.#closed) await new Promise<void>((go) => this.#waiting.push(go));
    return !this.#closed;
  }

  /** Notes a message; call the result when it is acknowledged. */
  sent(topic: number, position: Position, bytes = 0): () => void {
    const one: UnderWay = { topic, position, bytes, done: false };
    this.#queue.push(one);
    this.#unacked++;
    this.#bytes += bytes;
    return () => {
      if (one.done || this.#closed) return;
      one.done = true;
      this.#unacked--;
      this.#bytes -= bytes;
      this.#advance();
      this.#wake();
    };
  }

  /** Notes that there is nothing to send up to a position; it counts once everything before has arrived. */
  skip(topic: number, position: Position): void {
    this.#queue.push({ topic, position, bytes: 0, done: true });
    this.#advance();
  }

  /** The connection is over: what is not acknowledged will be sent again. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #advance(): void {
    for (let one = this.#queue[this.#head]; one?.done; one = this.#queue[this.#head]) {
      this.#head++;
      this.passed(one.topic, one.position);
    }
    if (this.#head > 1_024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
