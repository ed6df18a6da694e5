/**
 * The chart of one topic. Made when it comes on screen, thrown away when it leaves, drawn again only when its
 * picture would differ.
 *
 * @module
 */
import uPlot from "uplot";
import { axes, scaleOf, verticalScales } from "./axes.ts";
import { type ChartRows, Decimator } from "./decimate.ts";
import type { FrameClock } from "./frames.ts";
import type { Theme } from "./theme.ts";
import type { TopicModel } from "./topic_model.ts";

/** No chart is drawn more often than this, in milliseconds. */
const MIN_STEP_MS = 33;

/** Every chart with news is drawn at least this often, in milliseconds, even when it moves by less than a pixel. */
const MAX_STEP_MS = 250;

/** Charts under this key share their cursor. */
const CURSOR_KEY = "tidegate";

/** Options of {@link Chart}. */
export interface ChartOptions {
  topic: TopicModel;
  container: HTMLElement;
  theme: Theme;
  /** The pointer is over the picture: the values under it, one a line, or undefined when it left. */
  hovered(values: readonly (number | null)[] | undefined): void;
}

/** A chart. */
export class Chart {
  #options: ChartOptions;
  #decimator = new Decimator();
  #plot: uPlot | undefined;
  #size = { width: 0, height: 0 };
  #resized: ResizeObserver;
  #fromS = 0;
  #toS = 1;
  /** What the picture on screen was made of. */
  #drawn = { step: NaN, lines: 0, windowMs: 0, theme: -1 };

  constructor(options: ChartOptions) {
    this.#options = options;
    this.#resized = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      this.#size = { width: Math.floor(width), height: Math.floor(height) };
    });
    this.#resized.observe(options.container);
  }

  /** Draws when the picture would differ from the one on screen; returns whether it did. */
  draw(clock: FrameClock): boolean {
    const { width, height } = this.#size;
    if (width < 20 || height < 20) return false;
    const { topic, theme } = this.#options;
    const columnMs = clock.windowMs / width;
    const stepMs = Math.min(Math.max(columnMs / devicePixelRatio, MIN_STEP_MS), MAX_STEP_MS);
    const step = Math.floor(clock.gatewayMs / stepMs);
    const lines = topic.series.names.length;
    const drawn = this.#drawn;
    const remake = !this.#plot || drawn.lines !== lines || drawn.theme !== theme.version;
    const resize = this.#plot?.width !== width || this.#plot.height !== height;
    if (!remake && !resize && step === drawn.step && clock.windowMs === drawn.windowMs) return false;
    this.#drawn = { step, lines, windowMs: clock.windowMs, theme: theme.version };

    const toMs = step * stepMs;
    this.#toS = toMs / 1000;
    this.#fromS = (toMs - clock.windowMs) / 1000;
    const rows = this.#decimator.reduce(topic.series, { fromMs: toMs - clock.windowMs, toMs, columnMs });
    if (remake) this.#make(rows);
    else {
      if (resize) this.#plot!.setSize({ width, height });
      this.#plot!.setData(aligned(rows));
    }
    return true;
  }

  /** Lets go of the canvas; the next {@link draw} makes it anew. */
  release(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  /** Ends for good. */
  close(): void {
    this.#resized.disconnect();
    this.release();
  }

  #make(rows: ChartRows): void {
    this.release();
    const { topic, theme, container, hovered } = this.#options;
    const { names } = topic.series;
    const units = names.map((name) => topic.unitOf(name));
    const scales = verticalScales(units);
    this.#plot = new uPlot(
      {
        ...this.#size,
        legend: { show: false },
        padding: [6, scales.length > 1 ? 0 : 8, 0, 0],
        cursor: { sync: { key: CURSOR_KEY }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
        scales: {
          x: { time: true, range: () => [this.#fromS, this.#toS] },
          ...Object.fromEntries(scales.map(({ key, range }): [string, uPlot.Scale] => [
            key,
            { range: (_plot, least, greatest) => range.include(least, greatest) },
          ])),
        },
        axes: axes(scales, theme),
        series: [
          {},
          ...names.map((name, i) => ({
            label: name,
            scale: scaleOf(scales, units[i]).key,
            stroke: theme.lines[i % theme.lines.length]!,
            width: 1.5,
            ...(names.length === 1 ? { fill: theme.fill } : {}),
            points: { show: true, size: 4, filter: lonely },
          })),
        ],
        hooks: {
          setCursor: [(plot) => {
            const { idx } = plot.cursor;
            hovered(idx === null || idx === undefined ? undefined : rowAt(plot.data, idx));
          }],
        },
      },
      aligned(rows),
      container,
    );
  }
}

function aligned(rows: ChartRows): uPlot.AlignedData {
  return [rows.x, ...rows.ys];
}

function rowAt(data: uPlot.AlignedData, row: number): (number | null)[] {
  return data.slice(1).map((column) => column[row] ?? null);
}

/** Points without a neighbour, which a line alone would not show. */
function lonely(plot: uPlot, line: number): number[] {
  const values = plot.data[line]!;
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i] !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null) {
      found.push(i);
    }
  }
  return found;
}
