/**
 * How far a device's clock is from the gateway's, from exchanges of `clock` and `clock_reply`.
 *
 * The gateway notes its time when it asks (t1) and when the answer comes (t4); the device's time in the answer
 * was read somewhere in between. Taking the middle errs by at most half the round trip. The exchange with the
 * shortest round trip of the last few is believed, as in NTP's clock filter (RFC 5905 section 10).
 *
 * @module
 */

/** Exchanges that are remembered; older ones are forgotten so that drift is followed. */
const WINDOW = 8;

interface Exchange {
  /** Gateway's time minus the device's, in microseconds. */
  offsetUs: number;
  roundTripUs: number;
}

/** The estimate for one device. */
export class ClockSync {
  #window: Exchange[] = [];
  #best: Exchange | undefined;

  /** Takes in one exchange, all in microseconds. */
  exchange(askedUs: number, answeredUs: number, deviceUs: number): void {
    const roundTripUs = Math.max(0, answeredUs - askedUs);
    this.#window.push({ offsetUs: (askedUs + answeredUs) / 2 - deviceUs, roundTripUs });
    if (this.#window.length > WINDOW) this.#window.shift();
    this.#best = this.#window.reduce((best, one) => one.roundTripUs < best.roundTripUs ? one : best);
  }

  /** Last round trip in microseconds; undefined before the first exchange. */
  get roundTripUs(): number | undefined {
    return this.#window.at(-1)?.roundTripUs;
  }

  /** Bound of the error of {@link toGateway} in microseconds; undefined before the first exchange. */
  get errorUs(): number | undefined {
    return this.#window.length === 0 ? undefined : this.#best!.roundTripUs / 2;
  }

  /** The device's time as the gateway's. Until the first exchange the first sample's arrival stands in for one. */
  toGateway(deviceUs: number, nowUs: number): number {
    this.#best ??= { offsetUs: nowUs - deviceUs, roundTripUs: Infinity };
    return Math.round(deviceUs + this.#best.offsetUs);
  }
}
