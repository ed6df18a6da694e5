/**
 * Small measuring instruments: how often something happens, and how a delay is spread. Bounded, and without
 * allocation where a sample comes in.
 *
 * @module
 */

/** Seconds over which a rate is taken. */
const RATE_SECONDS = 4;

/** Counts events and tells how many there are a second, over the last full seconds. */
export class RateMeter {
  /** Ring of counts, one a second; the extra slot is the second under way. */
  #counts = new Float64Array(RATE_SECONDS + 1);
  #second = 0;
  #started = NaN;

  /** Counts `amount` at `nowMs`. */
  mark(nowMs: number, amount = 1): void {
    if (Number.isNaN(this.#started)) this.#started = Math.floor(nowMs / 1000);
    this.#advance(nowMs);
    this.#counts[this.#second % this.#counts.length]! += amount;
  }

  /** Events a second over the last full seconds; 0 before the first has passed. */
  perSecond(nowMs: number): number {
    if (Number.isNaN(this.#started)) return 0;
    this.#advance(nowMs);
    const seconds = Math.min(RATE_SECONDS, this.#second - this.#started);
    if (seconds <= 0) return 0;
    let sum = 0;
    for (let back = 1; back <= seconds; back++) {
      sum += this.#counts[(this.#second - back + this.#counts.length) % this.#counts.length]!;
    }
    return sum / seconds;
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second <= this.#second) return;
    const steps = Math.min(second - this.#second, this.#counts.length);
    for (let i = 0; i < steps; i++) this.#counts[(second - i) % this.#counts.length] = 0;
    this.#second = second;
  }
}

/** Spread of the last delays seen. */
export class DelayMeter {
  #ring: Float64Array;
  #count = 0;

  /** `size` is how many of the last delays are kept. */
  constructor(size: number) {
    this.#ring = new Float64Array(size);
  }

  /** Notes one delay in milliseconds. */
  mark(delayMs: number): void {
    this.#ring[this.#count++ % this.#ring.length] = delayMs;
  }

  /** The given quantiles (0 to 1) in milliseconds; undefined before the first delay. */
  quantiles(...wanted: number[]): number[] | undefined {
    const held = Math.min(this.#count, this.#ring.length);
    if (held === 0) return undefined;
    const sorted = this.#ring.slice(0, held).sort();
    return wanted.map((q) => sorted[Math.min(held - 1, Math.floor(q * held))]!);
  }

  /** Forgets all, after a reconnect on another way. */
  clear(): void {
    this.#count = 0;
  }
}
