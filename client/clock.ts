/**
 * The gateway's clock, as seen from here: exchanges as in NTP (RFC 5905 section 8), of which the one with the
 * least uncertainty counts.
 *
 * @module
 */

/** How many exchanges are remembered: at one every ten seconds, a bit more than a minute. */
const REMEMBERED = 8;

/**
 * How fast an ordinary quartz may drift from another: 100 microseconds a second. The error of an old exchange
 * grows by it.
 */
const DRIFT = 100e-6;

interface Exchange {
  /** Gateway's clock minus ours, microseconds. */
  offsetUs: number;
  /** Half the round trip: the offset is off by no more. */
  errorUs: number;
  /** Our clock when we asked: drift counts from here on. */
  askedUs: number;
}

/**
 * Estimates the gateway's clock. The true offset lies within `errorUs` of the estimate whatever the path's
 * asymmetry, as long as neither clock drifts by more than 100 ppm.
 */
export class GatewayClock {
  /** Round trip of the last exchange in microseconds; undefined before the first. */
  roundTripUs: number | undefined;
  #exchanges: Exchange[] = [];
  #best: Exchange | undefined;

  /** Whether there is an estimate. */
  get known(): boolean {
    return this.#best !== undefined;
  }

  /** Forgets all exchanges: the gateway, or the machine's sleep, may have changed the offset. */
  reset(): void {
    this.#exchanges = [];
    this.#best = undefined;
    this.roundTripUs = undefined;
  }

  /**
   * Takes an exchange in.
   *
   * @param sentUs Our clock when we asked.
   * @param gatewayUs The gateway's clock when it answered.
   * @param receivedUs Our clock when the answer came; an answer from before its question is passed over.
   */
  exchanged(sentUs: number, gatewayUs: number, receivedUs: number): void {
    const roundTripUs = receivedUs - sentUs;
    if (roundTripUs < 0) return;
    this.roundTripUs = roundTripUs;
    this.#exchanges.push({
      offsetUs: gatewayUs - (sentUs + roundTripUs / 2),
      errorUs: roundTripUs / 2,
      askedUs: sentUs,
    });
    if (this.#exchanges.length > REMEMBERED) this.#exchanges.shift();
    this.#best = this.#exchanges.reduce((best, next) =>
      errorAt(next, receivedUs) <= errorAt(best, receivedUs) ? next : best
    );
  }

  /** The gateway's clock at our time `localUs`, whole microseconds; our own time while nothing is known. */
  toGatewayUs(localUs: number): number {
    return Math.max(0, Math.round(localUs + (this.#best?.offsetUs ?? 0)));
  }

  /** By how much the estimate may be off at our time `localUs`, microseconds; Infinity while nothing is known. */
  errorUs(localUs: number): number {
    return this.#best ? errorAt(this.#best, localUs) : Infinity;
  }
}

function errorAt(exchange: Exchange, nowUs: number): number {
  return exchange.errorUs + Math.max(0, nowUs - exchange.askedUs) * DRIFT;
}
