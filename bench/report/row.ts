/**
 * What a benchmark yields: rows of figures.
 *
 * @module
 */

/** A figure of all repeats. */
export interface Figure {
  /** Middle one of the repeats. */
  median: number;
  min: number;
  max: number;
}

/** A target of the project, and whether the figure reaches it. */
export interface Target {
  /** What was asked for, e.g. "deliveries per CPU second at least 2 x nats-server". */
  goal: string;
  /** What came, e.g. "2.48 x". */
  reached: string;
  met: boolean;
  /** What bounds the figure, said when the target is missed. */
  bound?: string;
}

/** One server under one workload. */
export interface Row {
  workload: string;
  server: string;
  /** Parameters of the workload, in words. */
  parameters: string;
  figures: Record<string, Figure>;
  targets: Target[];
  /** What to know about this figure: losses, noise, a generator at its limit. */
  notes: string[];
}

/** The figure of some repeats; the middle one of an even number is the lower. */
export function figure(values: number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}
