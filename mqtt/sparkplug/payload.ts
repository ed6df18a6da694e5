/**
 * Payloads of Sparkplug B: the parts of its Protocol Buffers message that the gateway writes and reads (Sparkplug
 * 3.0 section 6.4), over a library that knows the wire format. Data sets, templates and metadata are not used; on
 * reading, what is not known is passed over.
 *
 * @module
 */
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { MetricValue, Wire } from "./datatypes.ts";

/** Property of a metric: text, or a truth. */
export type PropertyValue = string | boolean;

/** A metric to be written. */
export interface MetricOut {
  /** Only in births, and for metrics without an alias. */
  name?: string;
  alias?: number;
  /** Milliseconds since 1970. */
  timestampMs: number;
  /** Only in births and deaths. */
  datatype?: number;
  historical?: boolean;
  properties?: Readonly<Record<string, PropertyValue>>;
  /** How `value` travels. */
  wire: Wire;
  /** `null` is written as such. */
  value: MetricValue | null;
}

/** A message to be written. */
export interface PayloadOut {
  timestampMs: number;
  /** Absent in NDEATH only. */
  seq?: number;
  metrics: readonly MetricOut[];
}

/** A metric as it came in. */
export interface MetricIn {
  name?: string;
  alias?: bigint;
  /** Milliseconds since 1970. */
  timestampMs?: bigint;
  datatype?: number;
  historical?: boolean;
  isNull?: boolean;
  /** Its property `engUnit`. */
  unit?: string;
  /** Its property `readOnly`. */
  readOnly?: boolean;
  value?: { wire: Wire; value: MetricValue };
}

/** A message as it came in. */
export interface PayloadIn {
  timestampMs?: bigint;
  seq?: bigint;
  metrics: MetricIn[];
}

/** Most metrics that are read from one message. */
const MAX_METRICS_IN = 10_000;

/** Field numbers of the message `Payload`. */
const PAYLOAD = { timestamp: 1, metrics: 2, seq: 3 } as const;

/** Field numbers of the message `Metric`. */
const METRIC = {
  name: 1,
  alias: 2,
  timestamp: 3,
  datatype: 4,
  isHistorical: 5,
  isNull: 7,
  properties: 9,
  int: 10,
  long: 11,
  float: 12,
  double: 13,
  boolean: 14,
  string: 15,
  bytes: 16,
} as const;

/** Field numbers of the messages `PropertySet` and `PropertyValue`, and the datatypes of the values. */
const PROPERTY = {
  keys: 1,
  values: 2,
  type: 1,
  boolean: 7,
  string: 8,
  booleanType: 11,
  stringType: 12,
} as const;

/** Writes a message. */
export function encodePayload({ timestampMs, seq, metrics }: PayloadOut): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(PAYLOAD.timestamp, WireType.Varint).uint64(timestampMs);
  for (const metric of metrics) {
    writer.tag(PAYLOAD.metrics, WireType.LengthDelimited).fork();
    writeMetric(writer, metric);
    writer.join();
  }
  if (seq !== undefined) writer.tag(PAYLOAD.seq, WireType.Varint).uint64(seq);
  return writer.finish();
}

function writeMetric(writer: BinaryWriter, metric: MetricOut): void {
  const { name, alias, timestampMs, datatype, historical, properties, wire, value } = metric;
  if (name !== undefined) writer.tag(METRIC.name, WireType.LengthDelimited).string(name);
  if (alias !== undefined) writer.tag(METRIC.alias, WireType.Varint).uint64(alias);
  writer.tag(METRIC.timestamp, WireType.Varint).uint64(timestampMs);
  if (datatype !== undefined) writer.tag(METRIC.datatype, WireType.Varint).uint32(datatype);
  if (historical) writer.tag(METRIC.isHistorical, WireType.Varint).bool(true);
  if (value === null) writer.tag(METRIC.isNull, WireType.Varint).bool(true);
  if (properties) {
    writer.tag(METRIC.properties, WireType.LengthDelimited).fork();
    writeProperties(writer, properties);
    writer.join();
  }
  if (value !== null) writeValue(writer, wire, value);
}

function writeProperties(writer: BinaryWriter, properties: Readonly<Record<string, PropertyValue>>): void {
  const entries = Object.entries(properties);
  for (const [key] of entries) writer.tag(PROPERTY.keys, WireType.LengthDelimited).string(key);
  for (const [, value] of entries) {
    writer.tag(PROPERTY.values, WireType.LengthDelimited).fork();
    const text = typeof value === "string";
    writer.tag(PROPERTY.type, WireType.Varint).uint32(text ? PROPERTY.stringType : PROPERTY.booleanType);
    if (text) writer.tag(PROPERTY.string, WireType.LengthDelimited).string(value);
    else writer.tag(PROPERTY.boolean, WireType.Varint).bool(value);
    writer.join();
  }
}

function writeValue(writer: BinaryWriter, wire: Wire, value: MetricValue): void {
  switch (wire) {
    case "int":
      // Negative ones as two's complement of 32 bits: the member is unsigned.
      writer.tag(METRIC.int, WireType.Varint).uint32(Number(value) >>> 0);
      return;
    case "long":
      writer.tag(METRIC.long, WireType.Varint).uint64(
        BigInt.asUintN(64, BigInt(value as number | bigint | string)),
      );
      return;
    case "float":
      writer.tag(METRIC.float, WireType.Bit32).float(Number(value));
      return;
    case "double":
      writer.tag(METRIC.double, WireType.Bit64).double(Number(value));
      return;
    case "boolean":
      writer.tag(METRIC.boolean, WireType.Varint).bool(value as boolean);
      return;
    case "string":
      writer.tag(METRIC.string, WireType.LengthDelimited).string(String(value).toWellFormed());
      return;
    case "bytes":
      writer.tag(METRIC.bytes, WireType.LengthDelimited).bytes(value as Uint8Array);
      return;
  }
}

/** Reads a message, or says what is wrong with it. */
export function decodePayload(bytes: Uint8Array): PayloadIn | { problem: string } {
  try {
    return readPayload(new BinaryReader(bytes));
  } catch (error) {
    return { problem: `not a Sparkplug B payload: ${(error as Error).message}` };
  }
}

function readPayload(reader: BinaryReader): PayloadIn {
  const payload: PayloadIn = { metrics: [] };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === PAYLOAD.timestamp && type === WireType.Varint) {
      payload.timestampMs = BigInt(reader.uint64());
    } else if (field === PAYLOAD.seq && type === WireType.Varint) payload.seq = BigInt(reader.uint64());
    else if (field === PAYLOAD.metrics && type === WireType.LengthDelimited) {
      if (payload.metrics.length === MAX_METRICS_IN) {
        throw new Error(`more than ${MAX_METRICS_IN} metrics`);
      }
      payload.metrics.push(readMetric(new BinaryReader(reader.bytes())));
    } else reader.skip(type, field);
  }
  return payload;
}

function readMetric(reader: BinaryReader): MetricIn {
  const metric: MetricIn = {};
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const start = reader.pos;
    if (!readMember(reader, metric, field, type)) {
      reader.pos = start;
      reader.skip(type, field);
    }
  }
  return metric;
}

/** Reads a member of a metric; false when it is none that the gateway knows, or travels otherwise. */
function readMember(reader: BinaryReader, metric: MetricIn, field: number, type: WireType): boolean {
  const value = (wire: Wire, as: WireType, read: () => MetricValue): boolean => {
    if (type !== as) return false;
    metric.value = { wire, value: read() };
    return true;
  };
  switch (field) {
    case METRIC.name:
      if (type !== WireType.LengthDelimited) return false;
      metric.name = reader.string();
      return true;
    case METRIC.alias:
      if (type !== WireType.Varint) return false;
      metric.alias = BigInt(reader.uint64());
      return true;
    case METRIC.timestamp:
      if (type !== WireType.Varint) return false;
      metric.timestampMs = BigInt(reader.uint64());
      return true;
    case METRIC.datatype:
      if (type !== WireType.Varint) return false;
      metric.datatype = reader.uint32();
      return true;
    case METRIC.isHistorical:
      if (type !== WireType.Varint) return false;
      metric.historical = reader.bool();
      return true;
    case METRIC.isNull:
      if (type !== WireType.Varint) return false;
      metric.isNull = reader.bool();
      return true;
    case METRIC.properties:
      if (type !== WireType.LengthDelimited) return false;
      readProperties(new BinaryReader(reader.bytes()), metric);
      return true;
    case METRIC.int:
      return value("int", WireType.Varint, () => reader.uint32());
    case METRIC.long:
      return value("long", WireType.Varint, () => BigInt(reader.uint64()));
    case METRIC.float:
      return value("float", WireType.Bit32, () => reader.float());
    case METRIC.double:
      return value("double", WireType.Bit64, () => reader.double());
    case METRIC.boolean:
      return value("boolean", WireType.Varint, () => reader.bool());
    case METRIC.string:
      return value("string", WireType.LengthDelimited, () => reader.string());
    case METRIC.bytes:
      return value("bytes", WireType.LengthDelimited, () => reader.bytes());
    default:
      return false;
  }
}

/** Keeps the properties that the gateway knows. */
function readProperties(reader: BinaryReader, metric: MetricIn): void {
  const keys: string[] = [];
  const values: (PropertyValue | undefined)[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type !== WireType.LengthDelimited) reader.skip(type, field);
    else if (field === PROPERTY.keys) keys.push(reader.string());
    else if (field === PROPERTY.values) values.push(readProperty(new BinaryReader(reader.bytes())));
    else reader.skip(type, field);
  }
  const unit = values[keys.indexOf("engUnit")];
  const readOnly = values[keys.indexOf("readOnly")];
  if (typeof unit === "string") metric.unit = unit;
  if (typeof readOnly === "boolean") metric.readOnly = readOnly;
}

function readProperty(reader: BinaryReader): PropertyValue | undefined {
  let value: PropertyValue | undefined;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === PROPERTY.string && type === WireType.LengthDelimited) value = reader.string();
    else if (field === PROPERTY.boolean && type === WireType.Varint) value = reader.bool();
    else reader.skip(type, field);
  }
  return value;
}
