/**
 * Turns a value into a payload by the encoding that a channel declares: the counterpart of decode.ts, for writes
 * and for devices.
 *
 * @module
 */
import { encode as encodeCborItem } from "cborg";
import { encode as encodeMsgpackItem } from "@msgpack/msgpack";
import { MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";
import { encodeFloats } from "./floats.ts";
import { MAX_DEPTH, type PayloadDescription, PayloadError, shown } from "./payload.ts";
import { senmlPack } from "./senml.ts";
import { encodeStruct } from "./struct.ts";

const encoder = new TextEncoder();

function checkDepth(value: unknown, depth = 0): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if (depth >= MAX_DEPTH) throw new PayloadError("value nesting", `more than ${MAX_DEPTH}`, MAX_DEPTH);
  const entries: Iterable<unknown> = Array.isArray(value)
    ? value
    : value instanceof Map
    ? value.values()
    : Object.values(value);
  for (const entry of entries) checkDepth(entry, depth + 1);
}

/** Runs a library's encoder; whatever it throws is the value's fault. */
function written(what: string, value: unknown, write: () => Uint8Array): Uint8Array {
  if (value === undefined) throw new PayloadError(`${what} value`, "undefined", "a value");
  checkDepth(value);
  try {
    return write();
  } catch (error) {
    throw new PayloadError(`${what} value`, (error as Error).message.slice(0, 200), `what ${what} can hold`);
  }
}

function encodeJson(value: unknown): Uint8Array {
  return written("JSON", value, () => {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw new TypeError(`${typeof value} has no JSON form`);
    return encoder.encode(text);
  });
}

function encodeCbor(value: unknown): Uint8Array {
  return written("CBOR", value, () => encodeCborItem(value));
}

function encodeMsgpack(value: unknown): Uint8Array {
  return written(
    "MessagePack",
    value,
    () => encodeMsgpackItem(value, { useBigInt64: true, maxDepth: MAX_DEPTH + 1 }),
  );
}

function encodeUtf8(value: unknown): Uint8Array {
  if (typeof value === "number" || typeof value === "boolean") return encoder.encode(String(value));
  if (typeof value !== "string") throw new PayloadError("utf8 value", shown(value), "a string");
  if (!value.isWellFormed()) throw new PayloadError("utf8 value", "a lone surrogate", "well-formed text");
  return encoder.encode(value);
}

function encodeRaw(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const octet = (entry: unknown) =>
    Number.isInteger(entry) && (entry as number) >= 0 && (entry as number) < 256;
  if (Array.isArray(value) && value.every(octet)) return Uint8Array.from(value as number[]);
  throw new PayloadError(
    "raw value",
    shown(value),
    "bytes (an array of numbers from 0 to 255; or write base64)",
  );
}

function encodeAny(description: PayloadDescription, value: unknown): Uint8Array {
  switch (description.encoding) {
    case "raw":
      return encodeRaw(value);
    case "f64":
      return encodeFloats(value, 8);
    case "f32":
      return encodeFloats(value, 4);
    case "struct":
      return encodeStruct(description.fields, value);
    case "utf8":
      return encodeUtf8(value);
    case "json":
      return encodeJson(value);
    case "cbor":
      return encodeCbor(value);
    case "msgpack":
      return encodeMsgpack(value);
    case "senml+json":
      return encodeJson(senmlPack(value, "json"));
    case "senml+cbor":
      return encodeCbor(senmlPack(value, "cbor"));
  }
}

/**
 * Encodes one value. `raw` returns the bytes that it is given.
 *
 * @throws {PayloadError} when the encoding cannot hold the value, or the payload would be above
 * {@link MAX_PAYLOAD_BYTES}.
 * @example
 * ```ts
 * import { encode } from "./encode.ts";
 *
 * encode({ encoding: "struct", fields: [{ name: "rpm", type: "u16" }] }, { rpm: 3000 }); // b8 0b
 * ```
 */
export function encode(description: PayloadDescription, value: unknown): Uint8Array {
  const bytes = encodeAny(description, value);
  if (bytes.length > MAX_PAYLOAD_BYTES) {
    throw new PayloadError("payload length in bytes", bytes.length, MAX_PAYLOAD_BYTES);
  }
  return bytes;
}
