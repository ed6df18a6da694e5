/**
 * Cuts a byte stream that comes inside another one's messages into frames, whatever the pieces in which it
 * arrives. A connection does the same with what it reads itself.
 *
 * @module
 */

/** Takes whole frames off `bytes[from, to)` and returns where the first incomplete one begins. */
export type Cut = (bytes: Uint8Array, from: number, to: number) => number;

/** Keeps the part of a frame whose rest has not arrived. */
export class Frames {
  #rest = new Uint8Array(0);
  #length = 0;

  constructor(private readonly cut: Cut) {}

  /** Takes the next piece, borrowed. */
  push(bytes: Uint8Array, from = 0, to = bytes.length): void {
    if (this.#length === 0) {
      const at = this.cut(bytes, from, to);
      if (at < to) this.#keep(bytes, at, to);
      return;
    }
    this.#keep(bytes, from, to);
    const rest = this.#rest;
    const at = this.cut(rest, 0, this.#length);
    rest.copyWithin(0, at, this.#length);
    this.#length -= at;
  }

  #keep(bytes: Uint8Array, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (needed > this.#rest.length) {
      const next = new Uint8Array(Math.max(needed, this.#rest.length * 2, 4096));
      next.set(this.#rest.subarray(0, this.#length));
      this.#rest = next;
    }
    this.#rest.set(bytes.subarray(from, to), this.#length);
    this.#length = needed;
  }
}
