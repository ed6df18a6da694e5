/**
 * The rows as text.
 *
 * @module
 */
import type { Figure, Row } from "./row.ts";
import { targetCells } from "./targets.ts";

/** How a figure is named and written. */
interface Column {
  title: string;
  write(value: number): string;
}

const whole = (value: number) => Math.round(value).toLocaleString("en-US");
const ms = (value: number) => value < 10 ? value.toFixed(2) : value.toFixed(0);
const percent = (value: number) => `${Math.round(value * 100)} %`;

/** Figures in the order in which the table shows them. */
const COLUMNS: Record<string, Column> = {
  perCpuSecond: { title: "deliveries per CPU s", write: whole },
  samplesPerCpuSecond: { title: "samples per CPU s", write: whole },
  deliveriesPerSecond: { title: "deliveries/s", write: whole },
  p50: { title: "p50 ms", write: ms },
  p99: { title: "p99 ms", write: ms },
  eventP50: { title: "events p50", write: ms },
  eventP99: { title: "events p99", write: ms },
  cpuUs: { title: "CPU µs each", write: (value) => value.toFixed(1) },
  cpuShare: { title: "CPU", write: percent },
  waitedShare: { title: "waited", write: percent },
  loadShare: { title: "load", write: percent },
  brokerShare: { title: "broker", write: percent },
  memoryMiB: { title: "MiB", write: whole },
  kibEach: { title: "KiB each", write: (value) => value.toFixed(1) },
  connectsPerSecond: { title: "connects/s", write: whole },
  startMs: { title: "start ms", write: whole },
  firstStartMs: { title: "first start ms", write: whole },
  queryMs: { title: "query ms", write: (value) => value.toFixed(1) },
  firstQueryMs: { title: "first query ms", write: whole },
  readMiBPerSecond: { title: "read MiB/s", write: whole },
  stalledAge: { title: "slow one's age ms", write: whole },
};

/** Half of the spread of the repeats, as a share of the middle; empty when there was one repeat. */
function spread({ median, min, max }: Figure): string {
  if (min === max || median === 0) return "";
  return ` ±${Math.round(100 * (max - min) / 2 / median)} %`;
}

/** The cells of some rows of one workload: a head and a line for each. */
export function cells(rows: Row[]): string[][] {
  const keys = Object.keys(COLUMNS).filter((key) => rows.some((row) => row.figures[key] !== undefined));
  const differ = new Set(rows.map((row) => row.parameters)).size > 1;
  const head = ["server", ...keys.map((key) => COLUMNS[key]!.title), ...differ ? ["parameters"] : []];
  const lines = rows.map((row) => [
    row.server,
    ...keys.map((key) => {
      const figure = row.figures[key];
      return figure
        ? COLUMNS[key]!.write(figure.median) + (key === "perCpuSecond" ? spread(figure) : "")
        : "–";
    }),
    ...differ ? [row.parameters] : [],
  ]);
  return [head, ...lines];
}

/** The cells in columns; the first `left` of them are words, the others figures. */
function aligned(all: string[][], left: number): string[] {
  const widths = all[0]!.map((_, i) => Math.max(...all.map((line) => line[i]!.length)));
  return all.map((line) =>
    `  ${line.map((cell, i) => i < left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")}`
  );
}

/** All rows, a table for each workload with its notes, and at the end one with all targets. */
export function table(rows: Row[]): string {
  const out: string[] = [];
  for (const [workload, some] of Map.groupBy(rows, (row) => row.workload)) {
    const same = new Set(some.map((row) => row.parameters)).size === 1;
    out.push("", `${workload}${same ? `: ${some[0]!.parameters}` : ""}`, ...aligned(cells(some), 1));
    for (const { server, notes } of some) {
      for (const note of notes) out.push(`  ${server}: ${note}`);
    }
  }
  const targets = targetCells(rows, (reached) => `MISSED ${reached}`);
  if (targets.cells.length > 1) out.push("", "targets", ...aligned(targets.cells, 2));
  for (const reason of targets.reasons) out.push(`  missed: ${reason}`);
  return out.join("\n");
}

/** Cells as a table in Markdown; the first `left` columns are words. */
function pipes([head, ...lines]: string[][], left: number): string[] {
  const line = (one: string[]) => `| ${one.join(" | ")} |`;
  return [line(head!), line(head!.map((_, i) => i < left ? "---" : "--:")), ...lines.map(line), ""];
}

/** The same in Markdown, the targets first. */
export function markdown(rows: Row[]): string {
  const out: string[] = [];
  const targets = targetCells(rows, (reached) => `**${reached}**`);
  if (targets.cells.length > 1) out.push("### targets", "", ...pipes(targets.cells, 2));
  if (targets.reasons.length > 0) out.push(...targets.reasons.map((reason) => `- **missed**: ${reason}`), "");
  for (const [workload, some] of Map.groupBy(rows, (row) => row.workload)) {
    const same = new Set(some.map((row) => row.parameters)).size === 1;
    out.push(`### ${workload}`, "", ...same ? [`${some[0]!.parameters}.`, ""] : [], ...pipes(cells(some), 1));
    const notes = some.flatMap(({ server, notes }) => notes.map((note) => `- ${server}: ${note}`));
    if (notes.length > 0) out.push(...notes, "");
  }
  return out.join("\n");
}
