/**
 * The samples of one topic that a chart can show: a ring of times and, beside it, one ring of numbers for each
 * named value. Typed arrays, so that ten thousand points a topic cost the collector nothing.
 *
 * @module
 */

/** Points a buffer starts with; most topics never fill it. */
const FIRST_CAPACITY = 256;

/** A pause longer than this many usual intervals is a gap in the line. */
const GAP_INTERVALS = 5;

/** No pause shorter than this is a gap, in milliseconds: a late batch is not a lost one. */
const MIN_GAP_MS = 1_500;

/** Weight of the newest interval in the running estimate of the usual one. */
const INTERVAL_WEIGHT = 0.1;

/** Options of {@link Series}. */
export interface SeriesOptions {
  /** Most points kept, a power of two; the oldest go first. */
  maxPoints: number;
  /** Most named values kept; further names are counted in `hiddenColumns`. */
  maxColumns: number;
}

/** Numbers over time. Position 0 is the oldest point. */
export class Series {
  /** Names of the values, in the order they were first seen. */
  readonly names: string[] = [];
  /** Names that came when `maxColumns` were taken. */
  readonly hidden: Set<string> = new Set();
  /** Points held. */
  length = 0;
  #options: SeriesOptions;
  #head = 0;
  #mask = FIRST_CAPACITY - 1;
  #times = new Float64Array(FIRST_CAPACITY);
  #columns: Float64Array[] = [];
  #usualMs = 0;

  constructor(options: SeriesOptions) {
    this.#options = options;
  }

  /** Time of the newest point in milliseconds since 1970; -Infinity before the first. */
  get lastMs(): number {
    return this.length === 0 ? -Infinity : this.timeAt(this.length - 1);
  }

  /** A pause longer than this, in milliseconds, is drawn as a gap. */
  get gapMs(): number {
    return Math.max(MIN_GAP_MS, GAP_INTERVALS * this.#usualMs);
  }

  /** Position of the column for `name`, made when it is new; -1 when there is no room for it. */
  column(name: string): number {
    const known = this.names.indexOf(name);
    if (known >= 0) return known;
    if (this.names.length >= this.#options.maxColumns) {
      this.hidden.add(name);
      return -1;
    }
    this.#columns.push(new Float64Array(this.#mask + 1).fill(NaN));
    return this.names.push(name) - 1;
  }

  /**
   * Begins a point whose values are NaN until {@link set}.
   *
   * @returns false, with nothing changed, when the time is not after the newest point's: on the unordered lane
   * an older state sample may come late, and after a reconnect the newest one comes again.
   */
  begin(timeMs: number): boolean {
    const last = this.lastMs;
    if (!(timeMs > last)) return false;
    if (this.length > 0) this.#learnInterval(timeMs - last);
    if (this.length > this.#mask) this.#makeRoom();
    const slot = (this.#head + this.length) & this.#mask;
    this.#times[slot] = timeMs;
    for (const column of this.#columns) column[slot] = NaN;
    this.length++;
    return true;
  }

  /** Sets a value of the point that was begun last. */
  set(column: number, value: number): void {
    this.#columns[column]![(this.#head + this.length - 1) & this.#mask] = value;
  }

  /** Time of a point in milliseconds since 1970. */
  timeAt(position: number): number {
    return this.#times[(this.#head + position) & this.#mask]!;
  }

  /** Value of a point; NaN when the point has none of that name. */
  valueAt(column: number, position: number): number {
    return this.#columns[column]![(this.#head + position) & this.#mask]!;
  }

  /** Position of the first point at or after `timeMs`; `length` when all are before it. */
  firstAt(timeMs: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timeAt(middle) < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Forgets every point and name. */
  clear(): void {
    this.names.length = 0;
    this.hidden.clear();
    this.#columns = [];
    this.length = 0;
    this.#head = 0;
    this.#usualMs = 0;
  }

  #learnInterval(intervalMs: number): void {
    if (this.#usualMs === 0) this.#usualMs = intervalMs;
    // A pause counts as a few intervals at most, or one night offline would hide every gap that follows.
    const counted = Math.min(intervalMs, this.#usualMs * GAP_INTERVALS);
    this.#usualMs += (counted - this.#usualMs) * INTERVAL_WEIGHT;
  }

  #makeRoom(): void {
    if (this.#mask + 1 >= this.#options.maxPoints) {
      this.#head = (this.#head + 1) & this.#mask;
      this.length--;
      return;
    }
    this.#times = this.#grown(this.#times);
    this.#columns = this.#columns.map((column) => this.#grown(column));
    this.#head = 0;
    this.#mask = this.#mask * 2 + 1;
  }

  #grown(ring: Float64Array): Float64Array<ArrayBuffer> {
    const next = new Float64Array(ring.length * 2).fill(NaN);
    next.set(ring.subarray(this.#head));
    next.set(ring.subarray(0, this.#head), ring.length - this.#head);
    return next;
  }
}
