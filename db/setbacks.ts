/**
 * What becomes of a chore of tidying that the disk refuses: it rests, longer each time, while the others go on.
 *
 * @module
 */

/** What tidying up consists of. Each chore fails, and gets on again, by itself. */
export type Chore = "trim" | "forget" | "regroup" | "merge";

/** A chore that was refused rests for so long, in milliseconds: a disk that is full seldom has room again sooner. */
const FIRST_REST_MS = 1_000;

/** Each further refusal in a row doubles the rest up to this, in milliseconds: trying costs as much as the work. */
const LONGEST_REST_MS = 60_000;

interface Setback {
  error: string;
  restMs: number;
  untilMs: number;
}

/** Keeps which chores were refused, and how long each of them rests. */
export class Setbacks {
  /** Attempts that were refused, ever. */
  refused = 0;
  readonly #standing = new Map<Chore, Setback>();

  /** Why a chore does not get on, or null when all do. */
  get error(): string | null {
    for (const { error } of this.#standing.values()) return error;
    return null;
  }

  /** Chores that were refused at their last attempt. */
  get chores(): Chore[] {
    return [...this.#standing.keys()];
  }

  /** Whether the last attempt at a chore was refused. */
  has(chore: Chore): boolean {
    return this.#standing.has(chore);
  }

  /** Whether a chore has to wait before it is tried again. */
  isResting(chore: Chore, nowMs: number): boolean {
    return nowMs < (this.#standing.get(chore)?.untilMs ?? 0);
  }

  /** An attempt was refused. @returns whether the attempt before it was not. */
  add(chore: Chore, error: string, nowMs: number): boolean {
    this.refused++;
    const before = this.#standing.get(chore);
    const restMs = before ? Math.min(before.restMs * 2, LONGEST_REST_MS) : FIRST_REST_MS;
    this.#standing.set(chore, { error, restMs, untilMs: nowMs + restMs });
    return before === undefined;
  }

  /** A chore was done. @returns whether the attempt before was refused. */
  clear(chore: Chore): boolean {
    return this.#standing.delete(chore);
  }
}
