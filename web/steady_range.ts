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

/** Percentages are shown whole, with a little room so that a line at 100 is not cut. */
const PERCENT_RANGE: [number, number] = [0, 104];

/** Keeps a range steady. */
export class SteadyRange {
  #low = NaN;
  #high = NaN;
  #percent: boolean;

  /** `unit` is what the values are in; percentages from 0 to 100 are not zoomed into. */
  constructor(unit?: string) {
    this.#percent = unit === "%";
  }

  /** The range to show for values from `least` to `greatest`; null when there are none. */
  include(least: number | null, greatest: number | null): [number, number] {
    if (least === null || greatest === null || !Number.isFinite(greatest - least)) {
      return Number.isNaN(this.#low) ? [0, 1] : [this.#low, this.#high];
    }
    if (this.#percent && least >= 0 && greatest <= 100) return PERCENT_RANGE;
    const span = greatest - least;
    const inside = least >= this.#low && greatest <= this.#high;
    const filled = span >= (this.#high - this.#low) * MIN_FILL;
    if (inside && (filled || span === 0)) return [this.#low, this.#high];
    const room = span > 0 ? span * PADDING : Math.max(Math.abs(greatest) * PADDING, 0.5);
    // Quantities that cannot be negative, and there are many, stand on their zero line.
    this.#low = least >= 0 ? Math.max(0, least - room) : least - room;
    this.#high = greatest + room;
    if (least >= 0 && this.#low < span * 0.5) this.#low = 0;
    return [this.#low, this.#high];
  }
}
