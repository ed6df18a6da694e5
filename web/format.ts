/**
 * Numbers, ages and payloads as people read them.
 *
 * @module
 */

const BINARY_PREFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi"] as const;
const BYTE_UNITS = new Set(["B", "B/s", "bytes", "byte"]);

/** A number and the unit to put behind it; `unit` is "" where there is none. */
export interface Quantity {
  text: string;
  unit: string;
}

/** Whether quantities of this unit are told in binary multiples. */
export function isBytes(unit: string | undefined): boolean {
  return unit !== undefined && BYTE_UNITS.has(unit);
}

/**
 * A value with its unit, in at most about six characters: bytes in binary multiples, very large and very small
 * numbers with an exponent.
 *
 * @example
 * ```ts
 * import { formatQuantity } from "./format.ts";
 *
 * formatQuantity(8_589_934_592, "B"); // { text: "8.00", unit: "GiB" }
 * formatQuantity(21.4567, "°C"); // { text: "21.46", unit: "°C" }
 * ```
 */
export function formatQuantity(value: number, unit = ""): Quantity {
  if (!isBytes(unit) || !Number.isFinite(value)) return { text: formatNumber(value), unit };
  const short = unit.startsWith("byte") ? "B" : unit;
  const power = value === 0
    ? 0
    : Math.min(Math.max(0, Math.floor(Math.log2(Math.abs(value)) / 10)), BINARY_PREFIXES.length - 1);
  const scaled = value / 1024 ** power;
  const text = power === 0 ? formatNumber(scaled) : scaled.toFixed(Math.abs(scaled) >= 100 ? 1 : 2);
  return { text, unit: BINARY_PREFIXES[power] + short };
}

/** A number in at most about seven characters. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e7 || size < 1e-3) return value.toExponential(2).replace("e+", "e").replaceAll("-", "−");
  const text = Number.isInteger(value) ? String(value) : value.toFixed(decimals(size));
  return text.replace("-", "−");
}

function decimals(size: number): number {
  if (size >= 1000) return 0;
  if (size >= 100) return 1;
  if (size >= 1) return 2;
  return 4;
}

/** A span of time in its largest unit: `0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A delay in milliseconds; below 10 with one decimal. */
export function formatDelay(ms: number): string {
  return ms < 10 ? `${Math.max(0, ms).toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

/** Events a second: `10 Hz`, `0.2 Hz`, or "" when there are none. */
export function formatRate(perSecond: number): string {
  if (perSecond <= 0) return "";
  return `${perSecond >= 10 ? Math.round(perSecond) : Number(perSecond.toFixed(1))} Hz`;
}

/** A count with separators between thousands. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US").replaceAll(",", "\u202f");
}

/** Bytes as hexadecimal pairs, at most `max` of them. */
export function formatBytes(bytes: Uint8Array, max = 24): string {
  const shown = Array.from(bytes.subarray(0, max), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > max ? `${shown} … (${bytes.length} bytes)` : shown;
}

/** Text cut to `max` characters. */
export function shorten(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 1)}…` : text;
}
