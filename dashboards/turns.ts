/**
 * Work that only so many may do at a time; the others wait in line.
 *
 * @module
 */

/** Gives out turns. */
export class Turns {
  #free: number;
  readonly #line: (() => void)[] = [];

  /** @param most How many may have their turn at a time. */
  constructor(most: number) {
    this.#free = most;
  }

  /** Runs `work` when its turn has come, at once where nobody waits; resolves or rejects as it does. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((turn) => this.#line.push(turn));
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
