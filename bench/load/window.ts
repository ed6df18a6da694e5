/**
 * How much may be under way when publishers send as fast as the server goes. Without a bound the server's speed
 * would be hidden behind seconds of samples in the buffers of sockets.
 *
 * @module
 */

/** Samples that may be under way however slow the server is. */
export const LEAST = 1_000;

/** Samples under way at most: more than any server here needs to be kept busy. */
export const MOST = 10_000;

/** Between these bounds, twice what arrived in this time may be under way: a tenth of a second. */
const EVERY_MS = 50;

/** When nothing has arrived for this long, what is under way counts as lost; in milliseconds. */
const GIVE_UP_MS = 250;

/** Says when more may be sent. */
export class Window {
  /** Deliveries that did not come. */
  lost = 0;
  #most = LEAST;
  #since = { ms: -Infinity, delivered: 0 };
  #last = { ms: 0, delivered: 0 };

  constructor(private readonly subscribers: number) {}

  /** Whether more may be sent, given what all publishers have sent and all subscribers have got so far. */
  open(sent: number, delivered: number, nowMs: number): boolean {
    this.#fit(delivered, nowMs);
    const underWay = sent * this.subscribers - delivered - this.lost;
    if (delivered !== this.#last.delivered || underWay === 0) this.#last = { ms: nowMs, delivered };
    else if (nowMs - this.#last.ms > GIVE_UP_MS) {
      this.lost += underWay;
      return true;
    }
    return underWay < this.#most * this.subscribers;
  }

  #fit(delivered: number, nowMs: number): void {
    const { ms, delivered: former } = this.#since;
    if (nowMs - ms < EVERY_MS) return;
    if (ms >= 0) {
      const fits = 2 * (delivered - former) / this.subscribers * EVERY_MS / (nowMs - ms);
      this.#most = Math.min(MOST, Math.max(LEAST, fits));
    }
    this.#since = { ms: nowMs, delivered };
  }
}
