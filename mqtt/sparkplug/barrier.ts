/**
 * Proof that a broker has read what was sent at QoS 0, which it never acknowledges: a broker answers the packets of
 * a connection in their order, so an answer to PINGREQ says that everything before it was read.
 *
 * @module
 */

/** The barriers of one connection. */
export class Barrier {
  #written: (() => void)[] = [];
  /** What each PINGREQ under way answers for, in their order. */
  #asked: (() => void)[][] = [];

  /** @param ask Sends a PINGREQ; {@link asked} is told of it as of any other one. */
  constructor(readonly ask: () => void) {}

  /** Messages that were written and that no answer covers. */
  get open(): number {
    return this.#asked.reduce((count, { length }) => count + length, this.#written.length);
  }

  /** Messages were written; `arrived` is called once the broker has read them. */
  written(arrived: () => void): void {
    this.#written.push(arrived);
    if (this.#asked.length === 0) this.ask();
  }

  /** A PINGREQ goes out, of ours or the library's own. */
  asked(): void {
    this.#asked.push(this.#written);
    this.#written = [];
  }

  /** A PINGRESP came in. */
  answered(): void {
    for (const arrived of this.#asked.shift() ?? []) arrived();
    if (this.#asked.length === 0 && this.#written.length > 0) this.ask();
  }
}
