/**
 * Lets a program wait for room to publish, or until nothing is left to confirm.
 *
 * @module
 */
import type { Environment } from "./environment.ts";

/** What a device's queues say of themselves. */
export interface RoomState {
  /** Whether the program may go on publishing. */
  roomy(): boolean;
  /** Whether no event waits. */
  empty(): boolean;
  /** Whether no connection comes any more. */
  ended(): boolean;
}

/** The room in a device's queues. */
export class Room {
  readonly #state: RoomState;
  readonly #env: Environment;
  #waiting: (() => void)[] = [];

  constructor(env: Environment, state: RoomState) {
    this.#env = env;
    this.#state = state;
  }

  /** Something has changed: those who wait look again. */
  changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when there is room, or never will be. */
  async ready(): Promise<void> {
    while (!this.#state.ended() && !this.#state.roomy()) await this.#change();
  }

  /** Resolves when no event waits, or never will be confirmed, and after `withinMs` at the latest. */
  async drained(withinMs: number): Promise<void> {
    let expired = withinMs <= 0;
    const stopTimer = this.#env.timer(() => {
      expired = true;
      this.changed();
    }, withinMs);
    while (!expired && !this.#state.ended() && !this.#state.empty()) await this.#change();
    stopTimer();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
