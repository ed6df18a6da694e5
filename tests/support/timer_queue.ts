/**
 * Timers that wait for a time which the test moves.
 *
 * @module
 */

/** A task and when it is due, on the clock of whoever owns the queue. */
export interface Due {
  at: number;
  task: () => void;
}

/** Tasks in the order in which they fall due; those of the same moment in the order in which they came. */
export class TimerQueue {
  readonly #waiting: Due[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  /** Adds a task; the returned function takes it out again. */
  add(at: number, task: () => void): () => void {
    const due = { at, task };
    const behind = this.#waiting.findLastIndex((other) => other.at <= at);
    this.#waiting.splice(behind + 1, 0, due);
    return () => {
      const place = this.#waiting.indexOf(due);
      if (place >= 0) this.#waiting.splice(place, 1);
    };
  }

  /** Takes out the first task that is due by then. */
  take(until: number): Due | undefined {
    const first = this.#waiting[0];
    return first && first.at <= until ? this.#waiting.shift() : undefined;
  }
}
