/**
 * Sizes and durations as people write them: `2GB`, `512MiB`, `30d`, `1h30m`.
 *
 * @module
 */

/** Bytes in each unit: the SI ones count in thousands, those with an `i` in 1,024s (IEC 80000-13). */
const BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/** Milliseconds in each unit. */
const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Bytes in a size such as `2GB`, `1.5 GiB` or `4096B`, rounded to whole bytes. Case does not matter.
 *
 * @returns undefined when the text is not a size.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(parseSize("2GB"), 2_000_000_000);
 * assertEquals(parseSize("2 lots"), undefined);
 * ```
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)?$/i.exec(text.trim());
  if (!match) return undefined;
  const unit = BYTES[(match[2] ?? "b").toLowerCase()];
  if (unit === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Milliseconds in a duration such as `30d`, `1h30m` or `250ms`. A bare number has no unit and is refused, `0`
 * excepted.
 *
 * @returns undefined when the text is not a duration.
 */
export function parseDuration(text: string): number | undefined {
  const compact = text.replaceAll(/\s+/g, "").toLowerCase();
  if (compact === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?[a-z]+)+$/.test(compact)) return undefined;
  let total = 0;
  for (const [, amount, name] of compact.matchAll(/(\d+(?:\.\d+)?)([a-z]+)/g)) {
    const unit = MILLISECONDS[name!];
    if (unit === undefined) return undefined;
    total += Number(amount) * unit;
  }
  const milliseconds = Math.round(total);
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
}

/** A size for people, to three digits: `2.00 GB`, `640 B`. */
export function formatSize(bytes: number): string {
  const names = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let i = 0;
  while (value >= 999.5 && i < names.length - 1) {
    value /= 1000;
    i++;
  }
  if (i === 0) return `${Math.round(value)} B`;
  return `${value.toPrecision(3)} ${names[i]}`;
}

/** A duration for people, in its two largest units: `2d 4h`, `3m 20s`, `1.2s`, `40ms`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)}ms`;
  if (milliseconds < 10_000) return `${Number((milliseconds / 1_000).toFixed(1))}s`;
  let rest = Math.round(milliseconds / 1_000);
  const parts: string[] = [];
  for (const [name, seconds] of [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const) {
    if (rest >= seconds && parts.length < 2) parts.push(`${Math.floor(rest / seconds)}${name}`);
    rest %= seconds;
  }
  return parts.join(" ");
}

/** Writes whole bytes so that {@link parseSize} reads the same back: the largest unit that divides them. */
export function exactSize(bytes: number): string {
  return exact(bytes, [["TB", 1e12], ["GiB", 2 ** 30], ["GB", 1e9], ["MiB", 2 ** 20], ["MB", 1e6], [
    "kB",
    1e3,
  ]], "B");
}

/** Writes whole milliseconds so that {@link parseDuration} reads the same back. */
export function exactDuration(milliseconds: number): string {
  return exact(milliseconds, [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000]], "ms");
}

function exact(value: number, units: readonly (readonly [string, number])[], smallest: string): string {
  for (const [name, size] of units) if (value >= size && value % size === 0) return `${value / size}${name}`;
  return `${value}${smallest}`;
}
