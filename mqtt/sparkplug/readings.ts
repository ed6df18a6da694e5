/**
 * What a payload of the gateway's is as Sparkplug metrics: one for a number, a text or bytes, one for each field of
 * a struct, an object or a SenML pack.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { TopicDescription } from "../../hub/topic.ts";
import { decode } from "../../payload/decode.ts";
import { SenmlRecord } from "../../payload/senml.ts";
import { packArray } from "./arrays.ts";
import { DATATYPE, type DataType, fieldDatatype, isArray, type MetricValue } from "./datatypes.ts";

/** A value at a place in a payload. */
export interface Reading {
  /** Names of the fields down to it; none for the payload itself. */
  path: readonly string[];
  datatype: DataType;
  value: MetricValue | null;
  unit?: string | undefined;
}

/** Most metrics of one topic; further fields are left out. */
export const MAX_METRICS_PER_TOPIC = 256;

/** Deepest nesting whose fields become metrics; what is deeper becomes JSON text. */
const MAX_DEPTH = 4;

/**
 * The readings of one payload.
 *
 * @throws {PayloadError} when it is not what the topic's encoding says.
 */
export function readingsOf(description: TopicDescription, payload: Uint8Array): Reading[] {
  const { encoding, unit } = description;
  const value = decode(description, payload);
  switch (encoding) {
    case "raw":
      return [{ path: [], datatype: DATATYPE.bytes, value: payload.slice(), unit }];
    case "f32":
    case "f64":
      return [{ path: [], unit, ...floats(encoding === "f32", value) }];
    case "struct":
      return (description.fields ?? []).map((field) => {
        const datatype = fieldDatatype(field);
        const given = (value as Record<string, unknown>)[field.name];
        const fitted = isArray(datatype) ? packArray(datatype, given as unknown[]) : given as MetricValue;
        return { path: [field.name], datatype, value: fitted, unit: field.unit };
      });
    case "utf8":
    case "json":
    case "cbor":
    case "msgpack":
    case "senml+json":
    case "senml+cbor": {
      const found = new Map<string, Reading>();
      collect(found, [], value, unit);
      return [...found.values()];
    }
  }
}

/** Metrics that a topic has before its first value: what its description alone tells. */
export function expectedReadings({ encoding, fields, unit, schema, writable }: TopicDescription): Reading[] {
  switch (encoding) {
    case "raw":
      return [{ path: [], datatype: DATATYPE.bytes, value: null, unit }];
    case "utf8":
      return [{ path: [], datatype: DATATYPE.string, value: null, unit }];
    case "f32":
      return [{ path: [], datatype: DATATYPE.float, value: null, unit }];
    case "f64":
      return [{ path: [], datatype: DATATYPE.double, value: null, unit }];
    case "struct":
      return (fields ?? []).map((field) => ({
        path: [field.name],
        datatype: fieldDatatype(field),
        value: null,
        unit: field.unit,
      }));
    case "json":
    case "cbor":
    case "msgpack": {
      const declared = schemaReadings(schema, [], unit);
      // What can be written must be there to be written: as JSON text, where nothing says what it is.
      return declared.length === 0 && writable
        ? [{ path: [], datatype: DATATYPE.string, value: null, unit }]
        : declared;
    }
    case "senml+json":
    case "senml+cbor":
      return [];
  }
}

/** Datatypes by the types of JSON Schema. */
const BY_SCHEMA: Readonly<Record<string, DataType>> = {
  number: DATATYPE.double,
  integer: DATATYPE.double,
  boolean: DATATYPE.boolean,
  string: DATATYPE.string,
};

function schemaReadings(schema: unknown, path: readonly string[], unit: string | undefined): Reading[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { type, properties } = schema as { type?: unknown; properties?: unknown };
  const datatype = typeof type === "string" ? BY_SCHEMA[type] : undefined;
  if (datatype !== undefined) return [{ path, datatype, value: null, unit }];
  if (type !== "object" || typeof properties !== "object" || properties === null || path.length > 0) {
    return [];
  }
  return Object.entries(properties).slice(0, MAX_METRICS_PER_TOPIC)
    .flatMap(([name, part]) => schemaReadings(part, [name], unit));
}

function floats(single: boolean, value: unknown): { datatype: DataType; value: MetricValue } {
  if (typeof value === "number") return { datatype: single ? DATATYPE.float : DATATYPE.double, value };
  const datatype = single ? DATATYPE.floatArray : DATATYPE.doubleArray;
  return { datatype, value: packArray(datatype, value as number[]) };
}

function collect(
  found: Map<string, Reading>,
  path: readonly string[],
  value: unknown,
  unit: string | undefined,
): void {
  const add = (datatype: DataType, fitted: MetricValue | null) => {
    const key = path.join("/");
    if (found.size < MAX_METRICS_PER_TOPIC || found.has(key)) {
      found.set(key, { path, datatype, value: fitted, unit });
    }
  };
  if (typeof value === "number") return add(DATATYPE.double, value);
  if (typeof value === "boolean") return add(DATATYPE.boolean, value);
  if (typeof value === "string") return add(DATATYPE.string, value);
  if (value instanceof Uint8Array) return add(DATATYPE.bytes, value.slice());
  // Of what type it would be, nobody knows: a metric that is known by then becomes null.
  if (value === null || value === undefined) return add(DATATYPE.string, null);
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every((one) => one instanceof SenmlRecord)) {
      for (const record of value) {
        collect(found, [...path, record.name], record.value ?? record.sum, record.unit);
      }
    } else if (value.length > 0 && value.every((one) => typeof one === "number")) {
      add(DATATYPE.doubleArray, packArray(DATATYPE.doubleArray, value));
    } else add(DATATYPE.string, jsonText(value));
    return;
  }
  if (path.length >= MAX_DEPTH) return add(DATATYPE.string, jsonText(value));
  for (const [key, part] of Object.entries(value)) {
    if (found.size >= MAX_METRICS_PER_TOPIC) return;
    collect(found, [...path, key], part, unit);
  }
}

/** JSON, with byte strings as base64. */
export function jsonText(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part) => part instanceof Uint8Array ? Buffer.from(part).toString("base64") : part,
  );
}
