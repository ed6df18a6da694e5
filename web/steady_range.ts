/**
 * The range of a vertical axis, which moves only when it must: a scale that jumps with every sample cannot be
 * read.
 *
 * @module
 */

/** Room above and below the values, as a share of their span. */
const PADDING = 0.1;

/** The range shrinks once the values fill less than this share of it. */
const MIN_FILL = 0.45;

/** Percentages are not zoomed into further than this many points: what is below is noise. */
const MIN_PERCENT_SPAN = 30;

/** Percentages that take up more points than this are shown whole. */
const WHOLE_PERCENT_SPAN = 60;

/** All percentages, with a little room so that a line at 100 is not cut. */
const WHOLE_PERCENT: readonly [number, number] = [0, 104];

/** Keeps a range steady. */
export class SteadyRange {
  #low = NaN;
  #high = NaN;
  #percent: boolean;

  /** `unit` is what the values are in; it is known how much of a percentage matters. */
  constructor(unit?: string) {
    this.#percent = unit === "%";
  }

  /** The range to show for values from `least` to `greatest`; null when there are none. */
  include(least: number | null, greatest: number | null): [number, number] {
    if (least === null || greatest === null || !Number.isFinite(greatest - least)) {
      return Number.isNaN(this.#low) ? [0, 1] : [this.#low, this.#high];
    }
    const span = greatest - least;
    const inside = least >= this.#low && greatest <= this.#high;
    const filled = Math.max(span, this.#percent ? MIN_PERCENT_SPAN : 0) >=
      (this.#high - this.#low) * MIN_FILL;
    if (inside && (filled || span === 0)) return [this.#low, this.#high];
    [this.#low, this.#high] = this.#percent && least >= 0 && greatest <= 100
      ? percentRange(least, greatest)
      : paddedRange(least, greatest);
    return [this.#low, this.#high];
  }
}

function paddedRange(least: number, greatest: number): [number, number] {
  const span = greatest - least;
  const room = span > 0 ? span * PADDING : Math.max(Math.abs(greatest) * PADDING, 0.5);
  // Quantities that cannot be negative, and there are many, stand on their zero line.
  const onZero = least >= 0 && least - room < span * 0.5;
  return [onZero ? 0 : least - room, greatest + room];
}

function percentRange(least: number, greatest: number): [number, number] {
  const [bottom, top] = WHOLE_PERCENT;
  const span = Math.max((greatest - least) * (1 + 2 * PADDING), MIN_PERCENT_SPAN);
  if (span > WHOLE_PERCENT_SPAN) return [bottom, top];
  const low = Math.min(Math.max((least + greatest - span) / 2, bottom), top - span);
  return [low, low + span];
}
