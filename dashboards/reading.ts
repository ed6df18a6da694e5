/**
 * What a subscription reads of the recording: its beginning in the past, and events that it missed. Either waits for its
 * turn, and either ends when the subscription does.
 *
 * @module
 */
import type { Position, SubscribeFrom } from "../protocol/control.ts";
import type { Topic } from "../hub/topic.ts";
import { catchUp, type CatchUpParts } from "./catch_up.ts";
import { readMissed } from "./missed.ts";
import type { Turns } from "./turns.ts";

/** What reading needs of its subscription: all that catching up needs but the number that the batches carry. */
export interface ReadingParts extends Omit<CatchUpParts, "feed"> {
  /** The session's turns at reading the recording. */
  turns: Turns;
  /** Whether the subscription has ended. */
  ended(): boolean;
  /** The recording could not be read. */
  failed(error: unknown): void;
}

/** Reads the recording for one subscription. */
export class Reading {
  readonly #parts: ReadingParts;

  constructor(parts: ReadingParts) {
    this.#parts = parts;
  }

  /**
   * Reads from where the subscription begins until it meets the live stream.
   *
   * @param from Positions by topic, or a time in microseconds: where it is negative, before `nowUs`.
   * @param joined See {@link catchUp}.
   * @param behind See {@link catchUp}.
   */
  past(
    feed: number,
    from: Exclude<SubscribeFrom, string>,
    nowUs: number,
    joined: () => void,
    behind: (positions: ReadonlyMap<string, Position>) => void,
  ): void {
    const { time } = from;
    const start = time !== undefined && time < 0 ? { ...from, time: Math.max(0, nowUs + time) } : from;
    void this.#inTurn(() => catchUp({ ...this.#parts, feed }, start, joined, behind));
  }

  /** Reads events behind the offsets that `take` gives when the turn has come; resolves when that is over. */
  missed(feed: number, take: () => ReadonlyMap<Topic, number>): Promise<void> {
    return this.#inTurn(() => readMissed(take(), { ...this.#parts, feed }));
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    try {
      await this.#parts.turns.take(async () => {
        if (!this.#parts.ended()) await work();
      });
    } catch (error) {
      if (!this.#parts.ended()) this.#parts.failed(error);
    }
  }
}
