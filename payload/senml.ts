/**
 * SenML (RFC 8428): packs of measurements in JSON (section 5) or CBOR (section 6), resolved by section 4.6, so
 * that each record stands for itself.
 *
 * @module
 */
import { PayloadError, shown } from "./payload.ts";

/** Newest SenML version that is understood (RFC 8428 section 4.4). */
const SENML_VERSION = 10;

/** CBOR labels (RFC 8428 section 6, table 4). */
const CBOR_LABELS: Readonly<Record<string, number>> = {
  bver: -1,
  bn: -2,
  bt: -3,
  bu: -4,
  bv: -5,
  bs: -6,
  n: 0,
  u: 1,
  v: 2,
  vs: 3,
  vb: 4,
  s: 5,
  t: 6,
  ut: 7,
  vd: 8,
};

const NAMES_BY_LABEL: ReadonlyMap<string, string> = new Map(
  Object.entries(CBOR_LABELS).map(([name, label]) => [String(label), name]),
);

/** A resolved record. A class, so that `numbers` knows it and names its value by the record's own name. */
export class SenmlRecord {
  /** Base name and name joined. */
  readonly name: string;
  /** Seconds: since 1970, or, below 2^28, relative to the sample's own time (RFC 8428 section 4.5.3). */
  declare readonly time?: number;
  declare readonly unit?: string;
  declare readonly value?: number | string | boolean | Uint8Array;
  declare readonly sum?: number;
  /** The longest time in seconds until the next measurement. */
  declare readonly updateTime?: number;

  constructor(fields: Partial<Record<string, unknown>> & { name: string }) {
    this.name = fields.name;
    Object.assign(this, fields);
  }
}

type Fields = Record<string, unknown>;

function numberIn(record: Fields, key: string): number | undefined {
  const value = Object.hasOwn(record, key) ? record[key] : undefined;
  if (value === undefined || typeof value === "number") return value;
  throw new PayloadError(`SenML field ${key}`, shown(value), "a number");
}

function textIn(record: Fields, key: string): string | undefined {
  const value = Object.hasOwn(record, key) ? record[key] : undefined;
  if (value === undefined || typeof value === "string") return value;
  throw new PayloadError(`SenML field ${key}`, shown(value), "a string");
}

/** base64url without padding, as RFC 8428 section 5 writes data values; padding is passed over. */
function fromBase64Url(text: string): Uint8Array {
  try {
    const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/").replace(/=+$/, ""));
    return Uint8Array.from(binary, (character) => character.charCodeAt(0));
  } catch {
    throw new PayloadError("SenML field vd", shown(text), "base64url");
  }
}

function toBase64Url(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function dataIn(record: Fields): Uint8Array | undefined {
  const value = Object.hasOwn(record, "vd") ? record["vd"] : undefined;
  if (value === undefined || value instanceof Uint8Array) return value;
  if (typeof value === "string") return fromBase64Url(value);
  throw new PayloadError("SenML field vd", shown(value), "base64url or bytes");
}

/** The base fields in force, each until a record sets it anew. */
interface Base {
  name: string;
  time: number | undefined;
  unit: string | undefined;
  value: number | undefined;
  sum: number | undefined;
}

function applyBase(base: Base, record: Fields): void {
  const version = numberIn(record, "bver");
  if (version !== undefined && version > SENML_VERSION) {
    throw new PayloadError("SenML version", version, SENML_VERSION);
  }
  base.name = textIn(record, "bn") ?? base.name;
  base.time = numberIn(record, "bt") ?? base.time;
  base.unit = textIn(record, "bu") ?? base.unit;
  base.value = numberIn(record, "bv") ?? base.value;
  base.sum = numberIn(record, "bs") ?? base.sum;
}

function added(base: number | undefined, own: number | undefined): number | undefined {
  return base === undefined ? own : own === undefined ? base : base + own;
}

function booleanIn(record: Fields): boolean | undefined {
  const value = Object.hasOwn(record, "vb") ? record["vb"] : undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw new PayloadError("SenML field vb", shown(value), "true or false");
}

function valueOf(base: Base, record: Fields): SenmlRecord["value"] {
  const values = [numberIn(record, "v"), textIn(record, "vs"), booleanIn(record), dataIn(record)]
    .filter((value) => value !== undefined);
  if (values.length > 1) {
    throw new PayloadError("SenML values in one record", values.length, "one of v, vs, vb, vd");
  }
  const value = values[0] ?? base.value;
  return typeof value === "number" && values.length === 1 ? added(base.value, value) : value;
}

/** A record that only sets base fields, which some devices send ahead of the measurements. */
function onlyBase(record: Fields): boolean {
  return Object.keys(record).every((key) => key.length > 1 && key.startsWith("b"));
}

function resolve(base: Base, record: Fields): SenmlRecord {
  const name = base.name + (textIn(record, "n") ?? "");
  if (name === "") throw new PayloadError("SenML record's name", "none", "bn or n");
  const value = valueOf(base, record);
  const sum = added(base.sum, numberIn(record, "s"));
  if (value === undefined && sum === undefined) {
    throw new PayloadError(`SenML record ${shown(name)}`, "no value", "one of v, vs, vb, vd, s");
  }
  const time = added(base.time, numberIn(record, "t"));
  const unit = textIn(record, "u") ?? base.unit;
  const updateTime = numberIn(record, "ut");
  return new SenmlRecord({
    name,
    ...(time === undefined ? {} : { time }),
    ...(unit === undefined ? {} : { unit }),
    ...(value === undefined ? {} : { value }),
    ...(sum === undefined ? {} : { sum }),
    ...(updateTime === undefined ? {} : { updateTime }),
  });
}

function checkLabels(record: Fields): void {
  for (const key of Object.keys(record)) {
    // RFC 8428 section 4.4: a label that ends in "_" must be understood or the pack refused.
    if (key.endsWith("_")) throw new PayloadError("SenML field", key, "no field that must be understood");
  }
}

/**
 * Resolves a parsed pack with text labels.
 *
 * @throws {PayloadError} when it is not a pack of RFC 8428.
 */
export function resolveSenml(pack: unknown): SenmlRecord[] {
  if (!Array.isArray(pack)) throw new PayloadError("SenML pack", shown(pack), "an array of records");
  const base: Base = { name: "", time: undefined, unit: undefined, value: undefined, sum: undefined };
  const records: SenmlRecord[] = [];
  for (const record of pack as unknown[]) {
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      throw new PayloadError("SenML record", shown(record), "an object");
    }
    checkLabels(record as Fields);
    applyBase(base, record as Fields);
    if (!onlyBase(record as Fields)) records.push(resolve(base, record as Fields));
  }
  return records;
}

/** A parsed CBOR pack, whose integer labels have become property names, with text labels. */
export function textLabels(pack: unknown): unknown {
  if (!Array.isArray(pack)) return pack;
  return (pack as unknown[]).map((record) =>
    typeof record !== "object" || record === null || record instanceof Uint8Array
      ? record
      : Object.fromEntries(
        Object.entries(record).map(([key, value]) => [NAMES_BY_LABEL.get(key) ?? key, value]),
      )
  );
}

function fieldsOf(record: Fields): Fields {
  const { name, time, unit, value, sum, updateTime } = record;
  return {
    n: name,
    ...(unit === undefined ? {} : { u: unit }),
    ...(typeof value === "number" ? { v: value } : {}),
    ...(typeof value === "string" ? { vs: value } : {}),
    ...(typeof value === "boolean" ? { vb: value } : {}),
    ...(value instanceof Uint8Array ? { vd: value } : {}),
    ...(sum === undefined ? {} : { s: sum }),
    ...(time === undefined ? {} : { t: time }),
    ...(updateTime === undefined ? {} : { ut: updateTime }),
  };
}

/**
 * A pack for the wire from resolved records (`name`, `value`, …) or from records as RFC 8428 writes them (`n`,
 * `v`, …): JSON-ready objects for `senml+json`, maps with integer labels for `senml+cbor`.
 *
 * @throws {PayloadError} when it would not decode again.
 */
export function senmlPack(value: unknown, form: "json" | "cbor"): unknown[] {
  if (!Array.isArray(value)) throw new PayloadError("SenML pack", shown(value), "an array of records");
  const pack = (value as unknown[]).map((record) => {
    if (typeof record !== "object" || record === null) return record;
    return Object.hasOwn(record, "name") ? fieldsOf(record as Fields) : record as Fields;
  });
  resolveSenml(pack);
  return (pack as Fields[]).map((record) => {
    const vd = record["vd"];
    if (form === "json") return vd instanceof Uint8Array ? { ...record, vd: toBase64Url(vd) } : record;
    const data = typeof vd === "string" ? { vd: fromBase64Url(vd) } : {};
    return new Map(
      Object.entries({ ...record, ...data }).map(([key, entry]) => [CBOR_LABELS[key] ?? key, entry]),
    );
  });
}
