/**
 * Values of hosted nodes' metrics as payloads of the gateway's topics, JSON but for bytes, and back for commands.
 *
 * @module
 */
import type { Encoding } from "../../../protocol/control.ts";
import { PayloadError } from "../../../payload/payload.ts";
import { decode } from "../../../payload/decode.ts";
import { packArray, unpackArray } from "../arrays.ts";
import { carriedValue, type Refusal } from "../commands.ts";
import { DATATYPE, type DataType, datatypeName, isArray, type MetricValue, wireOf } from "../datatypes.ts";
import type { MetricIn, MetricOut } from "../payload.ts";

/** What is known of a metric from its birth. */
export interface TypedMetric {
  readonly name: string;
  readonly datatype: DataType;
}

const encoder = new TextEncoder();

/** Encoding of the topic behind a metric. */
export function encodingOf(datatype: DataType): Encoding {
  return datatype === DATATYPE.bytes || datatype === DATATYPE.file ? "raw" : "json";
}

/** The payload for a value that came in; integers beyond 2^53 - 1 are decimal text. */
export function payloadOf(metric: TypedMetric, given: MetricIn): Uint8Array | Refusal {
  if (given.isNull) return encoder.encode(encodingOf(metric.datatype) === "raw" ? "" : "null");
  const value = carriedValue(metric, given);
  if (value instanceof Uint8Array) {
    if (!isArray(metric.datatype)) return value;
    const values = unpackArray(metric.datatype, value);
    if (!values) return { problem: `${metric.name} ends within an element` };
    return encoder.encode(JSON.stringify(values));
  }
  if (typeof value === "object") return value;
  return encoder.encode(JSON.stringify(plain(metric.datatype, value)));
}

function plain(datatype: DataType, value: Exclude<MetricValue, Uint8Array>): number | string | boolean {
  if (typeof value === "bigint") return value.toString();
  return datatype === DATATYPE.float && typeof value === "number" ? shortest(value) : value;
}

/** The fewest digits that stand for a 32-bit float: 21.1, not 21.100000381469727. */
function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

/** The metric of a command that writes a payload. */
export function commandMetric(
  metric: TypedMetric,
  payload: Uint8Array,
  timestampMs: number,
): MetricOut | Refusal {
  const { name, datatype } = metric;
  const value = encodingOf(datatype) === "raw" ? payload : writtenValue(metric, payload);
  if (typeof value === "object" && "problem" in value) return value;
  return { name, timestampMs, datatype, wire: wireOf(datatype), value };
}

function writtenValue(metric: TypedMetric, payload: Uint8Array): MetricValue | Refusal {
  let value: unknown;
  try {
    value = decode({ encoding: "json" }, payload);
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    return { problem: error.message };
  }
  const { name, datatype } = metric;
  const refuse = (): Refusal => ({
    problem: `${name} is a ${datatypeName(datatype)}: ${JSON.stringify(value).slice(0, 80)} is none`,
  });
  if (Array.isArray(value)) return isArray(datatype) ? packed(datatype, value) ?? refuse() : refuse();
  switch (typeof value) {
    case "boolean":
      return carriedValue(metric, { value: { wire: "boolean", value } });
    case "number":
      return carriedValue(metric, { value: { wire: "double", value } });
    case "string":
      // Integers that JSON's numbers cannot hold come as text.
      return wireOf(datatype) === "long" && /^-?\d{1,20}$/.test(value)
        ? carriedValue(metric, { value: { wire: "double", value: BigInt(value) } })
        : carriedValue(metric, { value: { wire: "string", value } });
    default:
      return refuse();
  }
}

/** The array as it travels, or undefined where an element is not of its type. */
function packed(datatype: DataType, values: readonly unknown[]): Uint8Array | undefined {
  const floating = datatype === DATATYPE.floatArray || datatype === DATATYPE.doubleArray;
  const fits = floating
    ? (value: unknown) => typeof value === "number"
    : datatype === DATATYPE.booleanArray
    ? (value: unknown) => typeof value === "boolean"
    : Number.isSafeInteger;
  if (!values.every(fits)) return undefined;
  const bytes = packArray(datatype, values);
  // What does not fit its bits comes back as something else.
  const same = floating || JSON.stringify(unpackArray(datatype, bytes)) === JSON.stringify(values);
  return same ? bytes : undefined;
}
