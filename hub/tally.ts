/**
 * What a session has carried so far, across all transports that it has used.
 *
 * @module
 */
import type { Traffic } from "../transport/transport.ts";
import type { Counters } from "./counters.ts";
import type { SessionTotals } from "./session_log.ts";

/** Running totals of one session. */
export class Tally {
  samplesIn = 0;
  samplesOut = 0;
  roundTripUs: number | undefined;
  readonly #drops: Record<string, number> = {};
  #past: Traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };

  /** `counters` gets every drop too, under `name`. */
  constructor(readonly counters: Counters, readonly name: string) {}

  /** Counts dropped samples or refused messages by reason. */
  drop(reason: string, by = 1): void {
    if (by === 0) return;
    this.#drops[reason] = (this.#drops[reason] ?? 0) + by;
    this.counters.add(this.name, reason, by);
  }

  /** Adds a transport that is over to the past ones. */
  retire(traffic: Traffic): void {
    this.#past = sum(this.#past, traffic);
  }

  /** Totals with the traffic of the transports in use. */
  totals(...current: readonly (Traffic | undefined)[]): SessionTotals {
    return {
      ...current.reduce<Traffic>((total, one) => one ? sum(total, one) : total, this.#past),
      samplesIn: this.samplesIn,
      samplesOut: this.samplesOut,
      drops: { ...this.#drops },
      ...(this.roundTripUs === undefined ? {} : { roundTripUs: this.roundTripUs }),
    };
  }
}

function sum(a: Traffic, b: Traffic): Traffic {
  return {
    framesIn: a.framesIn + b.framesIn,
    framesOut: a.framesOut + b.framesOut,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
  };
}
