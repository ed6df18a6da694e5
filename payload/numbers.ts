/**
 * Named numbers of a decoded payload, for charts, queries and metrics.
 *
 * @module
 */
import { SenmlRecord } from "./senml.ts";

/** Bounds of {@link numbers}. */
export interface NumbersOptions {
  /** Most numbers; those beyond are left out. Default 1,024. */
  maxCount?: number;
  /** Deepest nesting that is looked into. Default 16. */
  maxDepth?: number;
}

const DEFAULT_MAX_COUNT = 1024;
const DEFAULT_MAX_DEPTH = 16;

/** Text longer than this is no number. */
const MAX_DIGITS = 40;
const DECIMAL = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** The value as a finite number: numbers, booleans as 0 and 1, text that is nothing but a decimal number. */
function asNumber(value: unknown): number | undefined {
  let number: number | undefined;
  if (typeof value === "number") number = value;
  else if (typeof value === "boolean") number = value ? 1 : 0;
  else if (typeof value === "bigint") number = Number(value);
  else if (typeof value === "string" && value.length <= MAX_DIGITS && DECIMAL.test(value)) {
    number = Number(value);
  }
  return number !== undefined && Number.isFinite(number) ? number : undefined;
}

/** Collects into one result, depth first, until it is full. */
class Collector {
  readonly #found = new Map<string, number>();

  constructor(readonly maxCount: number, readonly maxDepth: number) {}

  /** The result: own properties, whatever their names. */
  result(): Record<string, number> {
    return Object.fromEntries(this.#found);
  }

  visit(value: unknown, path: string, depth: number): void {
    if (this.#found.size >= this.maxCount) return;
    const number = asNumber(value);
    if (number !== undefined) this.#found.set(path === "" ? "value" : path, number);
    else if (typeof value === "object" && value !== null && depth < this.maxDepth) {
      this.#enter(value, path, depth);
    }
  }

  #enter(value: object, path: string, depth: number): void {
    if (value instanceof Uint8Array) return;
    const prefix = path === "" ? "" : `${path}.`;
    if (value instanceof SenmlRecord) {
      this.visit(value.value ?? value.sum, value.name, depth + 1);
    } else if (Array.isArray(value)) {
      for (let i = 0; i < value.length && this.#found.size < this.maxCount; i++) {
        this.visit(value[i], `${prefix}${i}`, depth + 1);
      }
    } else {
      for (const [key, entry] of Object.entries(value)) this.visit(entry, `${prefix}${key}`, depth + 1);
    }
  }
}

/**
 * Flattens a decoded value into named numbers: `{ cpu: [1, 2], ok: true }` becomes
 * `{ "cpu.0": 1, "cpu.1": 2, "ok": 1 }`. A lone number is named `value`; a SenML record by its own name, where
 * the last of several with the same name counts. Text counts when it is one decimal number, so that `"23.5"` sent as
 * utf8 and 64-bit integers given as text have a chart; other text, bytes, null, NaN and infinities do not.
 */
export function numbers(value: unknown, options: NumbersOptions = {}): Record<string, number> {
  const collector = new Collector(
    options.maxCount ?? DEFAULT_MAX_COUNT,
    options.maxDepth ?? DEFAULT_MAX_DEPTH,
  );
  collector.visit(value, "", 0);
  return collector.result();
}
