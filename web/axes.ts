/**
 * The axes of a chart: which lines share a vertical scale, and how the ticks are labelled.
 *
 * @module
 */
import type uPlot from "uplot";
import { formatQuantity, isBytes } from "./format.ts";
import { SteadyRange } from "./steady_range.ts";
import type { Theme } from "./theme.ts";

const FONT = "11px system-ui, sans-serif";

/** Ticks of byte quantities stand at powers of two, or their labels would be odd. */
const BINARY_STEPS = Array.from({ length: 60 }, (_, power) => 2 ** power);

/** Pixels for the labels of a vertical axis. */
const VERTICAL_PX = 58;

/** Names of the vertical scales; a chart with more units than these uses the first for all lines. */
const SCALES = ["y", "y2"] as const;

/** A vertical scale. */
export interface VerticalScale {
  key: string;
  /** Unit of all lines on it; undefined when they have none, or several. */
  unit: string | undefined;
  range: SteadyRange;
}

/** The vertical scales that lines of these units need. */
export function verticalScales(units: readonly (string | undefined)[]): VerticalScale[] {
  const distinct = [...new Set(units)];
  const shown = distinct.length <= SCALES.length ? distinct : [undefined];
  return shown.map((unit, i) => ({ key: SCALES[i]!, unit, range: new SteadyRange(unit) }));
}

/** The scale that a line of this unit stands on. */
export function scaleOf(scales: readonly VerticalScale[], unit: string | undefined): VerticalScale {
  return scales.find((scale) => scale.unit === unit) ?? scales[0]!;
}

/** The time axis and one axis for each vertical scale: the first on the left, the second on the right. */
export function axes(scales: readonly VerticalScale[], theme: Theme): uPlot.Axis[] {
  const common = { stroke: theme.axis, ticks: { show: false }, font: FONT };
  const grid = { stroke: theme.grid, width: 1 };
  return [
    { ...common, grid, size: 18, gap: 4, space: timeLabelSpace, values: timeLabels },
    ...scales.map(({ key, unit }, i): uPlot.Axis => ({
      ...common,
      scale: key,
      side: i === 0 ? 3 : 1,
      grid: i === 0 ? grid : { show: false },
      size: VERTICAL_PX,
      gap: 6,
      space: 28,
      ...(isBytes(unit) ? { incrs: BINARY_STEPS } : {}),
      values: (_plot, splits) => splits.map((value) => valueLabel(value, unit)),
    })),
  ];
}

/** Pixels between time ticks: labels with seconds are wider. */
function timeLabelSpace(plot: uPlot): number {
  const { min, max } = plot.scales["x"]!;
  return (max ?? 0) - (min ?? 0) > 120 ? 46 : 66;
}

/** Ticks nearer to an edge than this share of the width have no label: it would be cut, or meet the other axis's. */
const EDGE = 0.07;

/** Seconds are told only where ticks are less than a minute apart. */
function timeLabels(
  plot: uPlot,
  splits: number[],
  _axis: number,
  _space: number,
  increment: number,
): string[] {
  const two = (value: number) => String(value).padStart(2, "0");
  const { min, max } = plot.scales["x"]!;
  const [fromS, toS] = [min ?? 0, max ?? 0];
  const edgeS = (toS - fromS) * EDGE;
  return splits.map((seconds) => {
    if (seconds < fromS + edgeS || seconds > toS - edgeS) return "";
    const at = new Date(seconds * 1000);
    const minutes = `${two(at.getHours())}:${two(at.getMinutes())}`;
    return increment < 60 ? `${minutes}:${two(at.getSeconds())}` : minutes;
  });
}

/** A tick's label: the value without needless zeros, with its unit where that is short or says the multiple. */
export function valueLabel(value: number, unit: string | undefined): string {
  const { text, unit: scaled } = formatQuantity(value, unit);
  const short = text.replace(/(\.\d*?)0+(?=e|$)/, "$1").replace(/\.(?=e|$)/, "");
  if (unit === "%") return `${short} %`;
  return isBytes(unit) && value !== 0 ? `${short} ${scaled.replace("/s", "")}` : short;
}
