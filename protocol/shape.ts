/**
 * Shapes of JSON values: each checks a value at the door and gives it its type. Small enough to go into the
 * SDK, which has no dependency at run time. Unknown properties are passed over, so that version 1 can grow.
 *
 * @module
 */
import { CLOSE, type CloseCode } from "./close_codes.ts";
import { ProtocolError } from "./errors.ts";
import { utf8Length } from "./utf8.ts";

/** Checks `value`, found at `path`, and returns it typed. */
export type Shape<T> = (value: unknown, path: string) => T;

/** The type that a shape yields. */
export type Of<S> = S extends Shape<infer T> ? T : never;

/** Characters of a path or value that an error repeats: the peer chose them, and may have chosen many. */
const MAX_SHOWN = 80;

/** Throws; `path` is cut so that the message always fits into an `error` message. */
function refuse(close: CloseCode, path: string, problem: string): never {
  const shown = path.length > MAX_SHOWN ? `${path.slice(0, MAX_SHOWN)}…` : path || "message";
  throw new ProtocolError(close, `${shown}: ${problem}`);
}

function wrong(path: string, wanted: string, value: unknown): never {
  const got = value === undefined
    ? "nothing"
    : typeof value === "object" || typeof value === "string"
    ? JSON.stringify(value).slice(0, MAX_SHOWN)
    : String(value);
  refuse(CLOSE.badMessage, path, `expected ${wanted}, got ${got}`);
}

/** A string of at most `max` UTF-16 units. */
export function string(max: number): Shape<string> {
  return (value, path) => {
    if (typeof value !== "string") wrong(path, "a string", value);
    if (value.length > max) {
      refuse(CLOSE.badMessage, path, `${value.length} characters are above the limit of ${max}`);
    }
    return value;
  };
}

/** A number between `min` and `max`, both included. */
export function number(min: number, max: number): Shape<number> {
  return (value, path) => {
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      wrong(path, `a number from ${min} to ${max}`, value);
    }
    return value;
  };
}

/** A whole number between `min` and `max`, both included. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, path) => {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      wrong(path, `a whole number from ${min} to ${max}`, value);
    }
    return (value as number) + 0; // -0 becomes 0
  };
}

/** true or false. */
export const boolean: Shape<boolean> = (value, path) =>
  typeof value === "boolean" ? value : wrong(path, "true or false", value);

/** Any JSON value. */
export const anything: Shape<unknown> = (value) => value;

/** Any JSON value of at most `maxBytes` when written as JSON. */
export function json(maxBytes: number): Shape<unknown> {
  return (value, path) => {
    const bytes = value === undefined ? 0 : utf8Length(JSON.stringify(value));
    if (bytes > maxBytes) {
      refuse(CLOSE.limitExceeded, path, `${bytes} bytes of JSON are above the limit of ${maxBytes}`);
    }
    return value;
  };
}

/** One of the given strings. */
export function oneOf<const T extends readonly string[]>(...options: T): Shape<T[number]> {
  return (value, path) =>
    typeof value === "string" && options.includes(value)
      ? value
      : wrong(path, `one of ${options.join(", ")}`, value);
}

/** An array of at most `max` items. */
export function array<T>(item: Shape<T>, max: number): Shape<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) wrong(path, "an array", value);
    if (value.length > max) {
      refuse(CLOSE.limitExceeded, path, `${value.length} items are above the limit of ${max}`);
    }
    return value.map((entry, i) => item(entry, `${path}[${i}]`));
  };
}

/**
 * An object whose values all have one shape. Keys are the peer's: look them up with `Object.hasOwn`, or go
 * through the entries.
 */
export function record<T>(item: Shape<T>, max: number): Shape<Record<string, T>> {
  return (value, path) => {
    const entries = Object.entries(plainObject(value, path));
    if (entries.length > max) {
      refuse(CLOSE.limitExceeded, path, `${entries.length} entries are above the limit of ${max}`);
    }
    // fromEntries defines own properties, so that a key `__proto__` is a key like any other.
    return Object.fromEntries(entries.map(([key, entry]) => [key, item(entry, `${path}.${key}`)]));
  };
}

/** A property that may be missing; marks it for {@link object}. */
export interface Optional<T> extends Shape<T | undefined> {
  optional: true;
}

/** Lets a property of an {@link object} be missing. */
export function optional<T>(shape: Shape<T>): Optional<T> {
  const checked = (value: unknown, path: string) => value === undefined ? undefined : shape(value, path);
  return Object.assign(checked, { optional: true as const });
}

type Fields = Record<string, Shape<unknown>>;
type Simplify<T> = { [K in keyof T]: T[K] };
type ObjectOf<F extends Fields> = Simplify<
  & { [K in keyof F as F[K] extends { optional: true } ? never : K]: Of<F[K]> }
  & { [K in keyof F as F[K] extends { optional: true } ? K : never]?: Exclude<Of<F[K]>, undefined> }
>;

function plainObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) wrong(path, "an object", value);
  return value as Record<string, unknown>;
}

/** An object with these properties. */
export function object<F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const entries = Object.entries(fields);
  return (value, path) => {
    const source = plainObject(value, path);
    const result: Record<string, unknown> = {};
    for (const [key, shape] of entries) {
      const checked = shape(
        Object.hasOwn(source, key) ? source[key] : undefined,
        path ? `${path}.${key}` : key,
      );
      if (checked !== undefined) result[key] = checked;
    }
    return result as ObjectOf<F>;
  };
}

/** The first of the shapes that fits. When none does, the error says what each of them expected. */
export function either<A, B>(a: Shape<A>, b: Shape<B>): Shape<A | B> {
  return (value, path) => {
    try {
      return a(value, path);
    } catch (first) {
      if (!(first instanceof ProtocolError)) throw first;
      try {
        return b(value, path);
      } catch (second) {
        if (!(second instanceof ProtocolError) || second.close !== first.close) throw second;
        throw new ProtocolError(second.close, `${first.message}; or ${second.message}`);
      }
    }
  };
}
