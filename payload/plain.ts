/**
 * Makes what the CBOR and MessagePack libraries yield into plain data: objects, arrays, numbers, strings,
 * booleans, null and bytes.
 *
 * @module
 */
import { ExtData } from "@msgpack/msgpack";
import { MAX_DEPTH, PayloadError, safeInteger } from "./payload.ts";

/**
 * Plain data with the same content. Maps become objects (keys as strings), unsafe integers decimal strings,
 * times seconds since 1970, undefined null.
 *
 * @throws {PayloadError} when it is nested deeper than {@link MAX_DEPTH}.
 */
export function plain(value: unknown, depth = 0): unknown {
  if (typeof value === "bigint") return safeInteger(value);
  if (value === undefined) return null;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (depth >= MAX_DEPTH) throw new PayloadError("payload nesting", depth + 1, MAX_DEPTH);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = plain(value[i], depth + 1);
    return value;
  }
  if (value instanceof Map) {
    // Object.fromEntries defines own properties, so that a key `__proto__` is a key like any other.
    return Object.fromEntries(
      Array.from(value, ([key, entry]) => [String(plain(key, depth + 1)), plain(entry, depth + 1)]),
    );
  }
  if (value instanceof Date) return value.getTime() / 1000;
  if (value instanceof ExtData) return typeof value.data === "function" ? null : value.data;
  const object = value as Record<string, unknown>;
  for (const key of Object.keys(object)) object[key] = plain(object[key], depth + 1);
  return object;
}
