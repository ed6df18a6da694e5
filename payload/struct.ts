/**
 * Encoding `struct`: the declared fields packed one after the other, little-endian, without padding.
 *
 * @module
 */
import type { StructField } from "../protocol/control.ts";
import { FIELD_BYTES, structBytes } from "../protocol/fields.ts";
import { MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";
import { readF32, readF64 } from "./floats.ts";
import { PayloadError, safeInteger, shown } from "./payload.ts";

type FieldType = StructField["type"];
type FieldValue = number | string | boolean;

/** Range of each integer type, both ends included. */
const RANGES: Readonly<Partial<Record<FieldType, readonly [bigint, bigint]>>> = {
  u8: [0n, 0xffn],
  i8: [-0x80n, 0x7fn],
  u16: [0n, 0xffffn],
  i16: [-0x8000n, 0x7fffn],
  u32: [0n, 0xffffffffn],
  i32: [-0x80000000n, 0x7fffffffn],
  u64: [0n, 0xffffffffffffffffn],
  i64: [-0x8000000000000000n, 0x7fffffffffffffffn],
};

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** 64 bits: by doubles while that is exact, by bigint beyond. */
function read64(bytes: Uint8Array, at: number, signed: boolean): number | string {
  const low = readU32(bytes, at);
  const high = signed ? readU32(bytes, at + 4) | 0 : readU32(bytes, at + 4);
  const value = high * 0x100000000 + low;
  return Number.isSafeInteger(value) ? value : safeInteger((BigInt(high) << 32n) + BigInt(low));
}

function read(type: FieldType, bytes: Uint8Array, at: number): FieldValue {
  switch (type) {
    case "u8":
      return bytes[at]!;
    case "i8":
      return (bytes[at]! << 24) >> 24;
    case "u16":
      return bytes[at]! | (bytes[at + 1]! << 8);
    case "i16":
      return ((bytes[at]! | (bytes[at + 1]! << 8)) << 16) >> 16;
    case "u32":
      return readU32(bytes, at);
    case "i32":
      return readU32(bytes, at) | 0;
    case "u64":
      return read64(bytes, at, false);
    case "i64":
      return read64(bytes, at, true);
    case "f32":
      return readF32(bytes, at);
    case "f64":
      return readF64(bytes, at);
    case "bool":
      return bytes[at] !== 0;
  }
}

/** Sets an own property whatever its name: assigning to `__proto__` would change the object's kind. */
function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, { value, configurable: true, enumerable: true, writable: true });
  } else target[name] = value;
}

/**
 * Decodes a packed struct into an object of its fields; a `count` above 1 makes an array. `u64` and `i64` become
 * numbers where exact, else decimal strings.
 *
 * @throws {PayloadError} when no fields are declared or the payload is not exactly as long as they are.
 */
export function decodeStruct(
  fields: readonly StructField[] | undefined,
  bytes: Uint8Array,
): Record<string, FieldValue | FieldValue[]> {
  if (!fields || fields.length === 0) {
    throw new PayloadError("struct fields", 0, "at least one declared field");
  }
  const total = structBytes(fields);
  if (bytes.length !== total) {
    throw new PayloadError("struct payload length in bytes", bytes.length, `exactly ${total}`);
  }
  const result: Record<string, FieldValue | FieldValue[]> = {};
  let at = 0;
  for (let f = 0; f < fields.length; f++) {
    const { name, type, count = 1 } = fields[f]!;
    const size = FIELD_BYTES[type];
    if (count === 1) setOwn(result, name, read(type, bytes, at));
    else {
      const values = new Array<FieldValue>(count);
      for (let i = 0; i < count; i++) values[i] = read(type, bytes, at + i * size);
      setOwn(result, name, values);
    }
    at += size * count;
  }
  return result;
}

function wholeNumber(value: unknown): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^-?\d{1,20}$/.test(value)) return BigInt(value);
  return undefined;
}

function writeInteger(view: DataView, at: number, size: number, value: bigint): void {
  if (size === 8) view.setBigUint64(at, BigInt.asUintN(64, value), true);
  else if (size === 4) view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
  else if (size === 2) view.setUint16(at, Number(BigInt.asUintN(16, value)), true);
  else view.setUint8(at, Number(BigInt.asUintN(8, value)));
}

function write(field: StructField, view: DataView, at: number, value: unknown): void {
  const { name, type } = field;
  const what = `struct field ${JSON.stringify(name)}`;
  if (type === "bool") {
    if (typeof value !== "boolean" && value !== 0 && value !== 1) {
      throw new PayloadError(what, shown(value), "true or false");
    }
    view.setUint8(at, value ? 1 : 0);
    return;
  }
  const range = RANGES[type];
  if (!range) {
    if (typeof value !== "number") throw new PayloadError(what, shown(value), "a number");
    if (type === "f32") view.setFloat32(at, value, true);
    else view.setFloat64(at, value, true);
    return;
  }
  const whole = wholeNumber(value);
  if (whole === undefined || whole < range[0] || whole > range[1]) {
    throw new PayloadError(what, shown(value), `a whole number from ${range[0]} to ${range[1]}`);
  }
  writeInteger(view, at, FIELD_BYTES[type], whole);
}

/**
 * Encodes an object of the declared fields. 64-bit integers may be numbers, bigints or decimal strings.
 *
 * @throws {PayloadError} when a field is missing, of another type, out of range, or has another count.
 */
export function encodeStruct(
  fields: readonly StructField[] | undefined,
  value: unknown,
): Uint8Array<ArrayBuffer> {
  if (!fields || fields.length === 0) {
    throw new PayloadError("struct fields", 0, "at least one declared field");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new PayloadError("struct value", shown(value), "an object of its fields");
  }
  const total = structBytes(fields);
  if (total > MAX_PAYLOAD_BYTES) throw new PayloadError("struct length in bytes", total, MAX_PAYLOAD_BYTES);
  const view = new DataView(new ArrayBuffer(total));
  let at = 0;
  for (const field of fields) {
    const { name, type, count = 1 } = field;
    const own: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    const values: unknown[] = count === 1 ? [own] : Array.isArray(own) ? own : [];
    if (values.length !== count) {
      throw new PayloadError(`struct field ${JSON.stringify(name)}`, shown(own), `an array of ${count}`);
    }
    for (const entry of values) {
      write(field, view, at, entry);
      at += FIELD_BYTES[type];
    }
  }
  return new Uint8Array(view.buffer as ArrayBuffer);
}
