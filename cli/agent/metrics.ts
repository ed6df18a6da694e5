/**
 * Turns figures into what is published: counters become rates over the last second, everything gets its topic,
 * fields and unit. Pure but for the memory of earlier counters.
 *
 * @module
 */
import type { StructField } from "../../protocol/control.ts";
import type { CpuTimes } from "./proc.ts";
import type { FastFigures, SlowFigures } from "./source.ts";

/** A figure ready to publish: one number under a unit, or several under named fields; all are f64. */
export interface Reading {
  /** Topic below the device's name. */
  topic: string;
  unit?: string;
  /** Names of the values; absent when there is one value without a name. */
  fields?: readonly StructField[];
  values: readonly number[];
}

/**
 * Rates reach back this far. The kernel counts CPU time in hundredths of a second, so that over 100 ms a CPU
 * could only be busy by tenths; over a second it is exact to one percent.
 */
const RATE_WINDOW_MS = 1_000;

const f64 = (unit: string, ...names: string[]): StructField[] =>
  names.map((name) => ({ name, type: "f64", unit }));

const FIELDS = {
  cpu: f64("%", "busy", "user", "system", "iowait", "steal"),
  memory: f64("B", "used", "available", "cached", "total"),
  swap: f64("B", "used", "total"),
  network: f64("B/s", "received", "sent"),
  disk: f64("B/s", "read", "written"),
  load: [...f64("", "1min", "5min", "15min")].map(({ name, type }): StructField => ({ name, type })),
  filesystem: [...f64("B", "used", "free", "total"), ...f64("%", "usage")],
};

/** Readings of figures as they come in. */
export class Metrics {
  /** Earlier figures, the oldest just outside the window. */
  readonly #history: { atMs: number; figures: FastFigures }[] = [];

  /** Readings of what changes from moment to moment; rates need a second call. `atMs` is any steady clock. */
  fast(figures: FastFigures, atMs: number): Reading[] {
    const history = this.#history;
    history.push({ atMs, figures });
    while (history.length > 2 && atMs - history[1]!.atMs >= RATE_WINDOW_MS) history.shift();
    const before = history[0]!;
    const seconds = (atMs - before.atMs) / 1_000;
    return [
      ...cpuReadings(before.figures.cpus, figures.cpus),
      ...memoryReadings(figures),
      ...rateReadings("network", before.figures.network, figures.network, ["received", "sent"], seconds),
      ...rateReadings("disk", before.figures.disks, figures.disks, ["read", "written"], seconds),
    ];
  }

  /** Readings of what changes over seconds. */
  slow(figures: SlowFigures): Reading[] {
    const readings: Reading[] = [];
    if (figures.load) readings.push({ topic: "load", fields: FIELDS.load, values: figures.load });
    if (figures.uptimeSeconds !== undefined) {
      readings.push({ topic: "uptime", unit: "s", values: [figures.uptimeSeconds] });
    }
    for (const [sensor, celsius] of figures.temperatures) {
      readings.push({ topic: `temperature/${topicLevel(sensor)}`, unit: "°C", values: [celsius] });
    }
    for (const [mount, { totalBytes, freeBytes }] of figures.filesystems) {
      const used = totalBytes - freeBytes;
      const values = [used, freeBytes, totalBytes, used / totalBytes * 100];
      readings.push({ topic: `filesystem/${topicLevel(mount)}`, fields: FIELDS.filesystem, values });
    }
    return readings;
  }
}

/** A mount point or sensor name as one level of a topic: `/` is `root`, `/mnt/data` is `mnt-data`. */
export function topicLevel(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^-+|-+$/g, "") || "root";
}

function cpuReadings(before: readonly CpuTimes[], now: readonly CpuTimes[]): Reading[] {
  return now.flatMap((times, i): Reading[] => {
    const shares = before[i] && cpuShares(before[i], times);
    if (!shares) return [];
    if (i === 0) return [{ topic: "cpu", fields: FIELDS.cpu, values: shares }];
    return [{ topic: `cpu/${i - 1}`, unit: "%", values: [shares[0]!] }];
  });
}

/** Percentages busy, user, system, iowait and steal between two readings; undefined when no time has passed. */
export function cpuShares(before: CpuTimes, now: CpuTimes): number[] | undefined {
  // iowait may run backwards on an idle CPU (proc(5)), so no difference counts below zero.
  const spent = (key: keyof CpuTimes) => Math.max(0, now[key] - before[key]);
  const parts = [spent("user"), spent("system"), spent("iowait"), spent("steal")];
  const busy = parts[0]! + parts[1]! + parts[3]!;
  const total = busy + parts[2]! + spent("idle");
  if (total === 0) return undefined;
  return [busy, ...parts].map((part) => part / total * 100);
}

function memoryReadings({ memory }: FastFigures): Reading[] {
  if (!memory) return [];
  const { total, available, cached, swapTotal, swapFree } = memory;
  const readings: Reading[] = [
    { topic: "memory", fields: FIELDS.memory, values: [total - available, available, cached, total] },
  ];
  if (swapTotal > 0) {
    readings.push({ topic: "swap", fields: FIELDS.swap, values: [swapTotal - swapFree, swapTotal] });
  }
  return readings;
}

function rateReadings<K extends string>(
  kind: "network" | "disk",
  before: ReadonlyMap<string, Record<K, number>>,
  now: ReadonlyMap<string, Record<K, number>>,
  keys: readonly K[],
  seconds: number,
): Reading[] {
  if (seconds <= 0) return [];
  return [...now].flatMap(([name, counters]): Reading[] => {
    const earlier = before.get(name);
    if (!earlier) return [];
    // A counter that starts over (interface down and up) gives no rate rather than a negative one.
    const values = keys.map((key) => Math.max(0, counters[key] - earlier[key]) / seconds);
    return [{ topic: `${kind}/${topicLevel(name)}`, fields: FIELDS[kind], values }];
  });
}
