/**
 * What a host writes: values of DCMD checked against their metrics, and put into payloads of the topics behind.
 *
 * @module
 */
import type { Topic } from "../../hub/topic.ts";
import { decode } from "../../payload/decode.ts";
import { encode } from "../../payload/encode.ts";
import { PayloadError } from "../../payload/payload.ts";
import { unpackArray } from "./arrays.ts";
import {
  type DataType,
  datatypeName,
  integerRange,
  isArray,
  type MetricValue,
  type Wire,
  wireOf,
} from "./datatypes.ts";
import type { MetricIn } from "./payload.ts";
import type { KnownMetric } from "./topic_metrics.ts";

/** Why something is not written, in words. */
export interface Refusal {
  problem: string;
}

/** A value for a metric. */
export interface MetricWrite {
  metric: KnownMetric;
  value: MetricValue;
}

/** The value that a message carries for a metric, where it is of the type that the metric has. */
export function carriedValue(
  { name, datatype }: Pick<KnownMetric, "name" | "datatype">,
  given: MetricIn,
): MetricValue | Refusal {
  const refuse = (why: string): Refusal => ({ problem: `${name} is a ${datatypeName(datatype)}: ${why}` });
  if (given.isNull || !given.value) return refuse("it cannot be written without a value");
  const { wire, value } = given.value;
  const said = given.datatype === undefined || given.datatype === 0 ? undefined : given.datatype;
  if (said !== undefined && kindOf(said as DataType) !== kindOf(datatype)) {
    return refuse(`the message carries a ${datatypeName(said)}`);
  }
  if (kindOf(datatype) !== "number") {
    return wire === wireOf(datatype) ? value : refuse(`the message carries a ${wire} value`);
  }
  if (wire === "boolean" || wire === "string" || wire === "bytes") {
    return refuse(`the message carries a ${wire} value`);
  }
  const range = integerRange(datatype);
  if (!range) return Number(signed(wire, value, said ?? 0));
  const [low, high] = range;
  if (typeof value === "number" && !Number.isInteger(value)) return refuse(`${value} is not a whole number`);
  const integer = low < 0n ? twosComplement(BigInt(value as number), wire, high) : BigInt(value as number);
  if (integer < low || integer > high) return refuse(`${integer} is not between ${low} and ${high}`);
  return integer >= BigInt(Number.MIN_SAFE_INTEGER) && integer <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(integer)
    : integer;
}

/** A number for a floating metric; what a signed type carried as two's complement, with its sign. */
function signed(wire: Wire, value: MetricValue, said: number): MetricValue {
  const range = integerRange(said as DataType);
  if (!range || range[0] === 0n || (wire !== "int" && wire !== "long")) return value;
  return twosComplement(BigInt(value as number), wire, range[1]);
}

/** Some senders fill 32 or 64 bits with the sign, some only those of the type. */
function twosComplement(value: bigint, wire: Wire, high: bigint): bigint {
  if (wire !== "int" && wire !== "long") return value;
  const filled = BigInt.asIntN(wire === "int" ? 32 : 64, value);
  return filled > high && filled <= 2n * high + 1n ? filled - 2n * (high + 1n) : filled;
}

function kindOf(datatype: DataType): string {
  switch (wireOf(datatype)) {
    case "int":
    case "long":
    case "float":
    case "double":
      return "number";
    case "boolean":
      return "boolean";
    case "string":
      return "string";
    case "bytes":
      return isArray(datatype) ? `array ${datatype}` : "bytes";
  }
}

/** The payload that writes these metrics of one topic; fields that are not written keep the newest value's. */
export function writtenPayload(
  { description, newest }: Topic,
  writes: readonly MetricWrite[],
): Uint8Array | Refusal {
  const { encoding } = description;
  if (encoding === "senml+json" || encoding === "senml+cbor") {
    return { problem: `${description.name} holds SenML, which cannot be written over Sparkplug` };
  }
  try {
    const whole = writes.find(({ metric }) => metric.path.length === 0);
    if (whole) return encode(description, plain(whole, whole.metric.mixed || !newest));
    const base = newest ? decode(description, newest.bytes.subarray(0, newest.length)) : {};
    if (typeof base !== "object" || base === null || Array.isArray(base) || base instanceof Uint8Array) {
      return { problem: `the newest value of ${description.name} has no fields` };
    }
    for (const write of writes) {
      put(base as Record<string, unknown>, write.metric.path, plain(write, write.metric.mixed));
    }
    return encode(description, base);
  } catch (error) {
    if (error instanceof PayloadError) return { problem: `${description.name}: ${error.message}` };
    throw error;
  }
}

/** The value as encoders take it. */
function plain({ metric, value }: MetricWrite, ofAnyType: boolean): unknown {
  if (isArray(metric.datatype)) {
    const values = unpackArray(metric.datatype, value as Uint8Array);
    if (!values) throw new PayloadError(`${metric.name} array`, "a broken element", "whole elements");
    return values;
  }
  if (typeof value === "bigint") return value.toString();
  // Text for what is of no certain type is JSON where it can be.
  if (typeof value === "string" && ofAnyType) {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }
  return value;
}

function put(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  const own = Object.hasOwn(into, first) ? into[first] : undefined;
  let next = value;
  if (rest.length > 0) {
    next = typeof own === "object" && own !== null && !Array.isArray(own) ? own : {};
    put(next as Record<string, unknown>, rest, value);
  }
  Object.defineProperty(into, first, { value: next, enumerable: true, configurable: true, writable: true });
}
