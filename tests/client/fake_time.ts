/**
 * Time that the test moves.
 *
 * @module
 */

interface Timer {
  atUs: number;
  order: number;
  callback: () => void;
}

/** A clock and timers that stand still until told otherwise. */
export class FakeTime {
  /** 2026-01-01T00:00:00Z. */
  us = 1_767_225_600_000_000;
  #timers = new Set<Timer>();
  #order = 0;

  readonly nowUs = (): number => this.us;

  readonly timer = (callback: () => void, delayMs: number): () => void => {
    const timer = { atUs: this.us + Math.max(0, delayMs) * 1000, order: this.#order++, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time forward, running what falls due in order, with all promises settled in between. */
  async advance(ms: number): Promise<void> {
    const end = this.us + ms * 1000;
    await settle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next);
      this.us = Math.max(this.us, Math.round(next.atUs));
      next.callback();
      await settle();
    }
    this.us = end;
  }

  #next(endUs: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atUs > endUs) continue;
      if (!first || timer.atUs < first.atUs || (timer.atUs === first.atUs && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
