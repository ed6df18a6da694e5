/**
 * The length of a step of tidying.
 *
 * @module
 */

/** Work done before others get a turn, in milliseconds: an event's commit may wait for as long. */
const STEP_MS = 1;

/** Says when a step has lasted long enough. */
export class Step {
  #untilMs = performance.now() + STEP_MS;

  /** Whether it is time to let others have their turn. */
  get isOver(): boolean {
    return performance.now() >= this.#untilMs;
  }

  /** Begins the next step. */
  restart(): void {
    this.#untilMs = performance.now() + STEP_MS;
  }
}
