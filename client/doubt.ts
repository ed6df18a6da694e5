/**
 * A connection whose path may be gone without a word, as when a laptop changes its network: it is asked at once, and
 * counts as lost when nothing is heard in time.
 *
 * @module
 */
import type { Environment } from "./environment.ts";

/**
 * How long a connection in doubt may be silent, in milliseconds: longer than a radio's change of cell, and than TCP
 * waits to send again what a short gap swallowed.
 */
export const ANSWER_WITHIN_MS = 5_000;

/** And so many of its own round trips, so that one that is slow is not cut. */
const ROUND_TRIPS = 10;

/** With a timer so late, in milliseconds, it was this program that did not run: what was heard may still wait to be read. */
const LATE_MS = 500;

/** What a doubt needs of its session. */
export interface DoubtOwner {
  /** Asks the gateway something small that it answers. */
  ask(): void;
  /** When the gateway was last heard, microseconds of our own clock. */
  heardUs(): number;
  /** Last measured round trip, milliseconds. */
  roundTripMs(): number;
  /** Nothing was heard in time. */
  silent(reason: string): void;
}

/** Settles doubts about one connection, one at a time. */
export class Doubt {
  #open = false;
  #stopTimer: () => void = () => {};
  readonly #env: Pick<Environment, "nowUs" | "timer">;
  readonly #owner: DoubtOwner;

  constructor(env: Pick<Environment, "nowUs" | "timer">, owner: DoubtOwner) {
    this.#env = env;
    this.#owner = owner;
  }

  /** Something says that the path may be gone: `cause`, in words. */
  raise(cause: string): void {
    if (this.#open) return;
    this.#open = true;
    this.#ask(cause);
  }

  /** The connection is another one, or none. */
  end(): void {
    this.#open = false;
    this.#stopTimer();
  }

  #ask(cause: string): void {
    const askedUs = this.#env.nowUs();
    const withinMs = Math.max(ANSWER_WITHIN_MS, ROUND_TRIPS * this.#owner.roundTripMs());
    this.#stopTimer = this.#env.timer(() => this.#look(cause, askedUs, withinMs), withinMs);
    this.#owner.ask();
  }

  #look(cause: string, askedUs: number, withinMs: number): void {
    // a browser's clock may stand still for longer than an answer takes
    if (this.#owner.heardUs() >= askedUs) return this.end();
    const waitedMs = (this.#env.nowUs() - askedUs) / 1_000;
    if (waitedMs > withinMs + LATE_MS) return this.#ask(cause);
    this.end();
    this.#owner.silent(`nothing heard for ${Math.round(waitedMs)} ms after a question: ${cause}`);
  }
}
