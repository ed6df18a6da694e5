/**
 * Reduces a series to what a chart of some width can show: per pixel column the least and the greatest value
 * of each line, so that no spike is lost, and a break where samples are missing.
 *
 * @module
 */
import type { Series } from "./series.ts";

/** Rows for the chart: `x` in seconds since 1970 and one array a line, null where the line breaks. */
export interface ChartRows {
  x: number[];
  ys: (number | null)[][];
}

/** What part of a series to reduce, and how far. */
export interface DecimateOptions {
  fromMs: number;
  toMs: number;
  /**
   * Width of one column of the picture in milliseconds. Columns begin at multiples of it, so that the picture
   * does not shimmer as it moves.
   */
  columnMs: number;
}

/** Builds {@link ChartRows} in arrays that it owns and uses again. */
export class Decimator {
  readonly rows: ChartRows = { x: [], ys: [] };
  #series: Series | undefined;
  /** Points of the open column: their first and last position. */
  #first = 0;
  #last = -1;

  /**
   * Reduces the points from `fromMs` to `toMs`, and one more on either side so that lines run to the edges.
   * The result is valid until the next call.
   */
  reduce(series: Series, options: DecimateOptions): ChartRows {
    this.#reset(series);
    const gapMs = series.gapMs;
    const start = Math.max(0, series.firstAt(options.fromMs) - 1);
    const end = Math.min(series.length, series.firstAt(options.toMs) + 1);
    let column = NaN;
    let before = NaN;
    for (let i = start; i < end; i++) {
      const time = series.timeAt(i);
      const here = Math.floor(time / options.columnMs);
      const gap = time - before > gapMs;
      if (here !== column || gap) {
        this.#closeColumn(options.columnMs);
        if (gap) this.#break((before + time) / 2);
        column = here;
        this.#first = i;
      }
      this.#last = i;
      before = time;
    }
    this.#closeColumn(options.columnMs);
    return this.rows;
  }

  #reset(series: Series): void {
    this.#series = series;
    this.#last = -1;
    const { rows } = this;
    rows.x.length = 0;
    while (rows.ys.length < series.names.length) rows.ys.push([]);
    rows.ys.length = series.names.length;
    for (const y of rows.ys) y.length = 0;
  }

  #closeColumn(columnMs: number): void {
    const first = this.#first;
    const last = this.#last;
    if (last < first) return;
    if (last - first < 2) {
      for (let i = first; i <= last; i++) this.#point(i);
    } else {
      this.#extremes(first, last, columnMs);
    }
    this.#first = last + 1;
    this.#last = last;
  }

  #point(position: number): void {
    const series = this.#series!;
    this.rows.x.push(series.timeAt(position) / 1000);
    for (let c = 0; c < this.rows.ys.length; c++) {
      const value = series.valueAt(c, position);
      this.rows.ys[c]!.push(Number.isFinite(value) ? value : null);
    }
  }

  /** Two rows for the column: every line's least and greatest value, in the order in which they came. */
  #extremes(first: number, last: number, columnMs: number): void {
    const series = this.#series!;
    const { x, ys } = this.rows;
    const columnStart = Math.floor(series.timeAt(first) / columnMs) * columnMs;
    // Where the column has been cut by a gap, its quarter points may lie outside of what it holds.
    const clamp = (time: number) => Math.min(Math.max(time, series.timeAt(first)), series.timeAt(last));
    x.push(clamp(columnStart + columnMs / 4) / 1000, clamp(columnStart + columnMs * 3 / 4) / 1000);
    for (let c = 0; c < ys.length; c++) {
      let least = -1;
      let greatest = -1;
      let low = Infinity;
      let high = -Infinity;
      for (let i = first; i <= last; i++) {
        const value = series.valueAt(c, i);
        if (value < low) (low = value), (least = i);
        if (value > high) (high = value), (greatest = i);
      }
      if (least < 0 || !Number.isFinite(low) || !Number.isFinite(high)) ys[c]!.push(null, null);
      else if (least <= greatest) ys[c]!.push(low, high);
      else ys[c]!.push(high, low);
    }
  }

  #break(timeMs: number): void {
    this.rows.x.push(timeMs / 1000);
    for (const y of this.rows.ys) y.push(null);
  }
}
