/**
 * Sessions whose connection is lost, kept for a while so that their peers can take them up again.
 *
 * @module
 */
import { randomBytes, timingSafeEqual } from "node:crypto";

/** A session that waits for its peer. */
interface Parked<T> {
  token: string;
  value: T;
  timer: ReturnType<typeof setTimeout>;
}

/** Most sessions that wait at a time; beyond it the one that waits longest is given up. */
const MAX_PARKED = 10_000;

/** A new resume token: 128 random bits. */
export function newResumeToken(): string {
  return randomBytes(16).toString("base64url");
}

/** Whether two resume tokens are the same, in a time that does not tell how far they agree. */
export function sameResumeToken(a: string, b: string): boolean {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Keeps parked sessions by id. */
export class Resumption<T> {
  #parked = new Map<string, Parked<T>>();

  constructor(readonly withinMs: number) {}

  get size(): number {
    return this.#parked.size;
  }

  /** Keeps `value` under `id` for whoever shows `token`; calls `expired` when nobody came in time. */
  park(id: string, token: string, value: T, expired: (value: T) => void): void {
    const timer = setTimeout(() => {
      this.#parked.delete(id);
      expired(value);
    }, this.withinMs);
    this.#parked.set(id, { token, value, timer });
    if (this.#parked.size > MAX_PARKED) {
      const [oldestId, oldest] = this.#parked.entries().next().value!;
      clearTimeout(oldest.timer);
      this.#parked.delete(oldestId);
      expired(oldest.value);
    }
  }

  /**
   * Takes a session up again; undefined, with the session left where it is, when it is not there, the token is
   * wrong or `match` does not hold for it.
   */
  take(id: string, token: string, match: (value: T) => boolean = () => true): T | undefined {
    const parked = this.#parked.get(id);
    if (!parked || !sameResumeToken(token, parked.token) || !match(parked.value)) return undefined;
    clearTimeout(parked.timer);
    this.#parked.delete(id);
    return parked.value;
  }

  /** Gives up the sessions for which `match` holds, or all: they are told to `each`. */
  release(each: (value: T) => void, match: (value: T) => boolean = () => true): void {
    for (const [id, parked] of this.#parked) {
      if (!match(parked.value)) continue;
      clearTimeout(parked.timer);
      this.#parked.delete(id);
      each(parked.value);
    }
  }
}
