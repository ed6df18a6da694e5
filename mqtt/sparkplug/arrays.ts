/**
 * Arrays as Sparkplug metrics carry them: packed, little-endian; booleans as bits behind their number (Sparkplug
 * 3.0 section 6.4.16).
 *
 * @module
 */
import { DATATYPE, type DataType } from "./datatypes.ts";

interface ElementType {
  bytes: number;
  put(view: DataView, at: number, value: unknown): void;
  get(view: DataView, at: number): number | string;
}

const number = (value: unknown) => Number(value);

/** 64-bit integers come as numbers, or as decimal text where a number is not exact. */
const long = (value: unknown) => BigInt(value as number | string | bigint);

/** A 64-bit integer as payloads carry it. */
const plain = (value: bigint) => Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();

const ELEMENTS: Readonly<Partial<Record<DataType, ElementType>>> = {
  [DATATYPE.int8Array]: {
    bytes: 1,
    put: (view, at, value) => view.setInt8(at, number(value)),
    get: (view, at) => view.getInt8(at),
  },
  [DATATYPE.uint8Array]: {
    bytes: 1,
    put: (view, at, value) => view.setUint8(at, number(value)),
    get: (view, at) => view.getUint8(at),
  },
  [DATATYPE.int16Array]: {
    bytes: 2,
    put: (view, at, value) => view.setInt16(at, number(value), true),
    get: (view, at) => view.getInt16(at, true),
  },
  [DATATYPE.uint16Array]: {
    bytes: 2,
    put: (view, at, value) => view.setUint16(at, number(value), true),
    get: (view, at) => view.getUint16(at, true),
  },
  [DATATYPE.int32Array]: {
    bytes: 4,
    put: (view, at, value) => view.setInt32(at, number(value), true),
    get: (view, at) => view.getInt32(at, true),
  },
  [DATATYPE.uint32Array]: {
    bytes: 4,
    put: (view, at, value) => view.setUint32(at, number(value), true),
    get: (view, at) => view.getUint32(at, true),
  },
  [DATATYPE.int64Array]: {
    bytes: 8,
    put: (view, at, value) => view.setBigInt64(at, long(value), true),
    get: (view, at) => plain(view.getBigInt64(at, true)),
  },
  [DATATYPE.uint64Array]: {
    bytes: 8,
    put: (view, at, value) => view.setBigUint64(at, long(value), true),
    get: (view, at) => plain(view.getBigUint64(at, true)),
  },
  [DATATYPE.floatArray]: {
    bytes: 4,
    put: (view, at, value) => view.setFloat32(at, number(value), true),
    get: (view, at) => view.getFloat32(at, true),
  },
  [DATATYPE.doubleArray]: {
    bytes: 8,
    put: (view, at, value) => view.setFloat64(at, number(value), true),
    get: (view, at) => view.getFloat64(at, true),
  },
};

/** Bytes of the count in front of booleans. */
const COUNT_BYTES = 4;

/** Packs values of an array type. */
export function packArray(datatype: DataType, values: readonly unknown[]): Uint8Array {
  if (datatype === DATATYPE.booleanArray) return packBooleans(values);
  const element = elementOf(datatype);
  const packed = new Uint8Array(values.length * element.bytes);
  const view = new DataView(packed.buffer);
  for (let i = 0; i < values.length; i++) element.put(view, i * element.bytes, values[i]);
  return packed;
}

/** Unpacks an array. Returns undefined when the bytes do not hold a whole number of elements. */
export function unpackArray(
  datatype: DataType,
  packed: Uint8Array,
): (number | string | boolean)[] | undefined {
  if (datatype === DATATYPE.booleanArray) return unpackBooleans(packed);
  const element = elementOf(datatype);
  if (packed.length % element.bytes !== 0) return undefined;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  return Array.from(
    { length: packed.length / element.bytes },
    (_, i) => element.get(view, i * element.bytes),
  );
}

function elementOf(datatype: DataType): ElementType {
  const element = ELEMENTS[datatype];
  if (!element) throw new Error(`datatype ${datatype} is not an array`);
  return element;
}

function packBooleans(values: readonly unknown[]): Uint8Array {
  const packed = new Uint8Array(COUNT_BYTES + Math.ceil(values.length / 8));
  new DataView(packed.buffer).setUint32(0, values.length, true);
  // The first value is the highest bit of its byte.
  values.forEach((value, i) => {
    if (value) packed[COUNT_BYTES + (i >> 3)]! |= 0x80 >> (i & 7);
  });
  return packed;
}

function unpackBooleans(packed: Uint8Array): boolean[] | undefined {
  if (packed.length < COUNT_BYTES) return undefined;
  const count = new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
  if (packed.length !== COUNT_BYTES + Math.ceil(count / 8)) return undefined;
  return Array.from({ length: count }, (_, i) => (packed[COUNT_BYTES + (i >> 3)]! & (0x80 >> (i & 7))) !== 0);
}
