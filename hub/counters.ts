/**
 * Counters by name and reason: every drop, refusal and fault of a peer has its line here.
 *
 * @module
 */

/** One counter's value. */
export interface CounterValue {
  name: string;
  reason: string;
  value: number;
}

/** A set of monotonic counters. */
export class Counters {
  #values = new Map<string, Map<string, number>>();

  /** Adds `by` to the counter `name` for `reason`. */
  add(name: string, reason: string, by = 1): void {
    let reasons = this.#values.get(name);
    if (!reasons) this.#values.set(name, reasons = new Map());
    reasons.set(reason, (reasons.get(reason) ?? 0) + by);
  }

  /** Value of one counter; 0 when it never counted. */
  get(name: string, reason: string): number {
    return this.#values.get(name)?.get(reason) ?? 0;
  }

  /** All values. */
  *[Symbol.iterator](): Generator<CounterValue> {
    for (const [name, reasons] of this.#values) {
      for (const [reason, value] of reasons) yield { name, reason, value };
    }
  }
}
