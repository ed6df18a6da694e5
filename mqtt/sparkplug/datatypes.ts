/**
 * Datatypes of Sparkplug metrics, and how values of the gateway's encodings fit them (Sparkplug 3.0 section
 * 6.4.16).
 *
 * @module
 */
import type { StructField } from "../../protocol/control.ts";

/** Numbers of the datatypes that the gateway uses. */
export const DATATYPE = {
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  uint8: 5,
  uint16: 6,
  uint32: 7,
  uint64: 8,
  float: 9,
  double: 10,
  boolean: 11,
  string: 12,
  dateTime: 13,
  text: 14,
  uuid: 15,
  bytes: 17,
  file: 18,
  int8Array: 22,
  int16Array: 23,
  int32Array: 24,
  int64Array: 25,
  uint8Array: 26,
  uint16Array: 27,
  uint32Array: 28,
  uint64Array: 29,
  floatArray: 30,
  doubleArray: 31,
  booleanArray: 32,
} as const;

/** Number of a datatype. */
export type DataType = typeof DATATYPE[keyof typeof DATATYPE];

/** A metric's value; arrays are packed bytes already. */
export type MetricValue = number | bigint | string | boolean | Uint8Array;

/** How a value travels: the member of the payload's `value` (section 6.4.1). */
export type Wire = "int" | "long" | "float" | "double" | "boolean" | "string" | "bytes";

/** Range of each integer type, both ends included. */
const RANGES: Readonly<Partial<Record<DataType, readonly [bigint, bigint]>>> = {
  [DATATYPE.int8]: [-0x80n, 0x7fn],
  [DATATYPE.int16]: [-0x8000n, 0x7fffn],
  [DATATYPE.int32]: [-0x80000000n, 0x7fffffffn],
  [DATATYPE.int64]: [-0x8000000000000000n, 0x7fffffffffffffffn],
  [DATATYPE.uint8]: [0n, 0xffn],
  [DATATYPE.uint16]: [0n, 0xffffn],
  [DATATYPE.uint32]: [0n, 0xffffffffn],
  [DATATYPE.uint64]: [0n, 0xffffffffffffffffn],
};

/** Datatype of a struct's field, and of an array of it. */
const OF_FIELD: Readonly<Record<StructField["type"], readonly [DataType, DataType]>> = {
  u8: [DATATYPE.uint8, DATATYPE.uint8Array],
  i8: [DATATYPE.int8, DATATYPE.int8Array],
  u16: [DATATYPE.uint16, DATATYPE.uint16Array],
  i16: [DATATYPE.int16, DATATYPE.int16Array],
  u32: [DATATYPE.uint32, DATATYPE.uint32Array],
  i32: [DATATYPE.int32, DATATYPE.int32Array],
  u64: [DATATYPE.uint64, DATATYPE.uint64Array],
  i64: [DATATYPE.int64, DATATYPE.int64Array],
  f32: [DATATYPE.float, DATATYPE.floatArray],
  f64: [DATATYPE.double, DATATYPE.doubleArray],
  bool: [DATATYPE.boolean, DATATYPE.booleanArray],
};

/** Datatype of a struct's field. */
export function fieldDatatype({ type, count }: StructField): DataType {
  const [one, many] = OF_FIELD[type];
  return (count ?? 1) > 1 ? many : one;
}

/** Lowest and highest value of an integer type, or undefined for another one. */
export function integerRange(datatype: DataType): readonly [bigint, bigint] | undefined {
  return RANGES[datatype];
}

const KNOWN: ReadonlySet<number> = new Set(Object.values(DATATYPE));

/** Whether the gateway knows what values of a datatype are: data sets and templates it does not. */
export function isKnown(datatype: number | undefined): datatype is DataType {
  return datatype !== undefined && KNOWN.has(datatype);
}

/** Whether values are packed arrays. */
export function isArray(datatype: DataType): boolean {
  return datatype >= DATATYPE.int8Array;
}

/** How values of a datatype travel. */
export function wireOf(datatype: DataType): Wire {
  switch (datatype) {
    case DATATYPE.int8:
    case DATATYPE.int16:
    case DATATYPE.int32:
    case DATATYPE.uint8:
    case DATATYPE.uint16:
    case DATATYPE.uint32:
      return "int";
    case DATATYPE.int64:
    case DATATYPE.uint64:
    case DATATYPE.dateTime:
      return "long";
    case DATATYPE.float:
      return "float";
    case DATATYPE.double:
      return "double";
    case DATATYPE.boolean:
      return "boolean";
    case DATATYPE.string:
    case DATATYPE.text:
    case DATATYPE.uuid:
      return "string";
    default:
      return "bytes";
  }
}

/** Name of a datatype, for messages to people. */
export function datatypeName(datatype: number): string {
  const name = Object.entries(DATATYPE).find(([, number]) => number === datatype)?.[0];
  return name === undefined ? `datatype ${datatype}` : name[0]!.toUpperCase() + name.slice(1);
}
