/**
 * The gateway's clock: microseconds since 1970, never running backwards by itself.
 *
 * @module
 */

/** Tells the time. */
export interface Clock {
  /** Microseconds since 1970. */
  nowUs(): number;
}

/** How far the wall clock may part from the steady one before the clock follows it: above its own resolution of 1 ms. */
const MAX_DRIFT_MS = 5;

/** How often the two are compared, in milliseconds of the steady clock. */
const COMPARE_EVERY_MS = 1_000;

/**
 * The machine's clock at the resolution of its steady clock: `Date.now()` alone counts milliseconds, too coarse
 * for delays of a fraction of one. Follows the wall clock when that is set.
 */
export function systemClock(): Clock {
  let originMs = performance.timeOrigin;
  let compareAt = 0;
  let last = 0;
  return {
    nowUs() {
      const steady = performance.now();
      if (steady >= compareAt) {
        compareAt = steady + COMPARE_EVERY_MS;
        const drift = Date.now() - (originMs + steady);
        if (Math.abs(drift) > MAX_DRIFT_MS) {
          originMs += drift;
          last = 0;
        }
      }
      const now = Math.round((originMs + steady) * 1_000);
      if (now > last) last = now;
      return last;
    },
  };
}
