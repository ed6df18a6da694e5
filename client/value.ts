/**
 * Values as payloads, for the encodings that need no library: f32, f64, utf8, json, struct. Payloads of the
 * others (raw, cbor, msgpack, senml) are bytes.
 *
 * @module
 */
import type { Encoding, StructField } from "../protocol/control.ts";

/** What a struct's field holds; a list where the field's `count` is above 1. */
export type FieldValue = number | bigint | boolean | readonly (number | bigint | boolean)[];

/** What can be published or written: bytes always, other values where the channel's encoding takes them. */
export type Value = Uint8Array | number | string | readonly number[] | object | boolean | null;

/** Turns a value into bytes. What it returns may be used again by the next call. */
export type Encode = (value: Value) => Uint8Array;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true });

const SIZES = {
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  u64: 8,
  i64: 8,
  f64: 8,
} as const;

/** An encoder for one channel. Bytes pass through it unchanged, whatever the encoding. */
export function encoderOf(encoding: Encoding, fields: readonly StructField[] = []): Encode {
  const encode = valueEncoder(encoding, fields);
  return (value) => value instanceof Uint8Array ? value : encode(value);
}

function valueEncoder(encoding: Encoding, fields: readonly StructField[]): Encode {
  switch (encoding) {
    case "f32":
      return floatEncoder(4);
    case "f64":
      return floatEncoder(8);
    case "utf8":
      return (value) => utf8.encode(typeof value === "string" ? value : wrong(encoding, "a string", value));
    case "json":
    case "senml+json":
      return (value) => utf8.encode(JSON.stringify(value));
    case "struct":
      return structEncoder(fields);
    case "raw":
    case "cbor":
    case "msgpack":
    case "senml+cbor":
      return (value) => wrong(encoding, "a Uint8Array", value);
    default:
      return encoding satisfies never;
  }
}

function wrong(encoding: string, wanted: string, value: unknown): never {
  throw new TypeError(`encoding ${encoding} takes ${wanted}, got ${value === null ? "null" : typeof value}`);
}

function floatEncoder(size: 4 | 8): Encode {
  let scratch = new Uint8Array(size);
  let view = new DataView(scratch.buffer);
  const put = (i: number, value: number) =>
    size === 8 ? view.setFloat64(i * 8, value, true) : view.setFloat32(i * 4, value, true);
  return (value) => {
    if (typeof value === "number") {
      put(0, value);
      return scratch.length === size ? scratch : scratch.subarray(0, size);
    }
    if (!isNumbers(value)) wrong(`f${size * 8}`, "a number or a list of numbers", value);
    const length = value.length * size;
    if (scratch.length < length) {
      scratch = new Uint8Array(length);
      view = new DataView(scratch.buffer);
    }
    for (let i = 0; i < value.length; i++) put(i, value[i]!);
    return scratch.subarray(0, length);
  };
}

function isNumbers(value: Value): value is readonly number[] {
  return Array.isArray(value) || value instanceof Float32Array || value instanceof Float64Array;
}

/** Length of a struct in bytes: little-endian, packed, no padding. */
function structSize(fields: readonly StructField[]): number {
  return fields.reduce((size, field) => size + SIZES[field.type] * (field.count ?? 1), 0);
}

function structEncoder(fields: readonly StructField[]): Encode {
  const scratch = new Uint8Array(structSize(fields));
  const view = new DataView(scratch.buffer);
  return (value) => {
    if (typeof value !== "object" || value === null) wrong("struct", "an object of its fields", value);
    const source = value as Record<string, FieldValue | undefined>;
    let at = 0;
    for (const { name, type, count = 1 } of fields) {
      const item = source[name];
      if (item === undefined) throw new TypeError(`struct field ${JSON.stringify(name)} is missing`);
      for (let i = 0; i < count; i++) {
        putField(view, at, type, typeof item === "object" ? item[i] ?? 0 : item);
        at += SIZES[type];
      }
    }
    return scratch;
  };
}

function putField(view: DataView, at: number, type: StructField["type"], value: number | bigint | boolean) {
  switch (type) {
    case "u8":
    case "bool":
      return view.setUint8(at, Number(value));
    case "i8":
      return view.setInt8(at, Number(value));
    case "u16":
      return view.setUint16(at, Number(value), true);
    case "i16":
      return view.setInt16(at, Number(value), true);
    case "u32":
      return view.setUint32(at, Number(value), true);
    case "i32":
      return view.setInt32(at, Number(value), true);
    case "u64":
      return view.setBigUint64(at, BigInt(value), true);
    case "i64":
      return view.setBigInt64(at, BigInt(value), true);
    case "f32":
      return view.setFloat32(at, Number(value), true);
    case "f64":
      return view.setFloat64(at, Number(value), true);
    default:
      return type satisfies never;
  }
}

function getField(view: DataView, at: number, type: StructField["type"]): number | bigint | boolean {
  switch (type) {
    case "u8":
      return view.getUint8(at);
    case "bool":
      return view.getUint8(at) !== 0;
    case "i8":
      return view.getInt8(at);
    case "u16":
      return view.getUint16(at, true);
    case "i16":
      return view.getInt16(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "i32":
      return view.getInt32(at, true);
    case "u64":
      return view.getBigUint64(at, true);
    case "i64":
      return view.getBigInt64(at, true);
    case "f32":
      return view.getFloat32(at, true);
    case "f64":
      return view.getFloat64(at, true);
    default:
      return type satisfies never;
  }
}

/**
 * A payload as a value: a number for f32 and f64 (a list when there are several), a string for utf8, whatever
 * JSON holds, an object of its fields for struct, the bytes themselves for everything else.
 *
 * @throws {TypeError} when the payload is not what the encoding says.
 */
export function decodeValue(
  bytes: Uint8Array,
  encoding: Encoding,
  fields: readonly StructField[] = [],
): unknown {
  switch (encoding) {
    case "f32":
      return decodeFloats(bytes, 4);
    case "f64":
      return decodeFloats(bytes, 8);
    case "utf8":
      return fromUtf8.decode(bytes);
    case "json":
    case "senml+json":
      return parseJson(fromUtf8.decode(bytes));
    case "struct":
      return decodeStruct(bytes, fields);
    case "raw":
    case "cbor":
    case "msgpack":
    case "senml+cbor":
      return bytes;
    default:
      return encoding satisfies never;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TypeError(`payload is not JSON: ${(error as Error).message}`);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeFloats(bytes: Uint8Array, size: 4 | 8): number | number[] {
  if (bytes.length === 0 || bytes.length % size !== 0) {
    throw new TypeError(`payload of ${bytes.length} bytes is not a whole number of f${size * 8}`);
  }
  const view = viewOf(bytes);
  const read = (at: number) => size === 8 ? view.getFloat64(at, true) : view.getFloat32(at, true);
  if (bytes.length === size) return read(0);
  return Array.from({ length: bytes.length / size }, (_, i) => read(i * size));
}

function decodeStruct(bytes: Uint8Array, fields: readonly StructField[]): Record<string, FieldValue> {
  const size = structSize(fields);
  if (bytes.length !== size) {
    throw new TypeError(`payload of ${bytes.length} bytes is not the struct's ${size}`);
  }
  const view = viewOf(bytes);
  const result: Record<string, FieldValue> = {};
  let at = 0;
  for (const { name, type, count = 1 } of fields) {
    const items: (number | bigint | boolean)[] = [];
    for (let i = 0; i < count; i++, at += SIZES[type]) items.push(getField(view, at, type));
    result[name] = count === 1 ? items[0]! : items;
  }
  return result;
}
