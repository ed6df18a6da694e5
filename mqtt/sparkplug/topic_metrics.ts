/**
 * The metrics of one topic: their names, aliases and datatypes, which stay as they are from one birth certificate
 * to the next, and the values that were sent.
 *
 * @module
 */
import type { Topic } from "../../hub/topic.ts";
import { DATATYPE, type DataType, isArray, type MetricValue, wireOf } from "./datatypes.ts";
import { packArray, unpackArray } from "./arrays.ts";
import type { MetricOut } from "./payload.ts";
import { expectedReadings, jsonText, type Reading, readingsOf } from "./readings.ts";

/** A metric as hosts know it. */
export interface KnownMetric {
  readonly name: string;
  /** Stands for the name in data and commands; no other metric of the edge node has it. */
  readonly alias: number;
  /** Fields of the payload down to the value. */
  readonly path: readonly string[];
  datatype: DataType;
  /** Whether it holds whatever comes, as text: its values were of several types. */
  mixed: boolean;
  unit: string | undefined;
  readonly writable: boolean;
  value: MetricValue | null;
  /** Time of the value in milliseconds since 1970; 0 before the first. */
  timeMs: number;
}

/** Gives out names and aliases that no other metric has. */
export interface Naming {
  /** The alias of a metric, the same as before for one that was there before. */
  alias(topic: number, path: string): number;
  /** Takes a name of the device for a topic, or another one where that is taken. */
  name(topic: Topic, wanted: string, other: string): string;
}

/** The metrics of one topic. */
export class TopicMetrics {
  readonly #metrics = new Map<string, KnownMetric>();

  /** @param channel Name of the topic below its device. */
  constructor(readonly topic: Topic, readonly channel: string, readonly naming: Naming) {
    this.learn(expectedReadings(topic.description));
  }

  /** All of them, in the order in which they came up. */
  all(): Iterable<KnownMetric> {
    return this.#metrics.values();
  }

  get size(): number {
    return this.#metrics.size;
  }

  /** Takes notice of what a payload holds; true when the device has to be born again for it. */
  learn(readings: readonly Reading[]): boolean {
    let news = false;
    for (const reading of readings) {
      const known = this.#metrics.get(keyOf(reading));
      if (!known) {
        this.#metrics.set(keyOf(reading), this.#metric(reading));
        news = true;
      } else if (reading.value !== null && !known.mixed && reading.datatype !== known.datatype) {
        const datatype = unified(known.datatype, reading.datatype);
        if (datatype === known.datatype) continue;
        known.mixed = datatype === undefined;
        known.datatype = datatype ?? DATATYPE.string;
        known.value = null;
        news = true;
      }
    }
    return news;
  }

  /** Learns the newest value, for a birth. @throws {PayloadError} when it is not what the topic's encoding says. */
  refresh(): void {
    const { newest, description } = this.topic;
    if (!newest) return;
    const readings = readingsOf(description, newest.bytes.subarray(0, newest.length));
    this.learn(readings);
    this.#keep(readings, Math.floor(newest.timeUs / 1_000));
  }

  /** A new value as metrics for data, without those that did not change. */
  changes(readings: readonly Reading[], timeMs: number): MetricOut[] {
    const changed = readings.filter((reading) => {
      const known = this.#metrics.get(keyOf(reading));
      return known && !same(known.value, fitted(known, reading));
    });
    this.#keep(readings, timeMs);
    return this.#data(changed, timeMs, false);
  }

  /** An event's value as metrics for data, changed or not. */
  event(readings: readonly Reading[], timeMs: number, historical: boolean): MetricOut[] {
    if (!historical) this.#keep(readings, timeMs);
    return this.#data(readings, timeMs, historical);
  }

  #metric(reading: Reading): KnownMetric {
    const { path, datatype, unit } = reading;
    const inner = path.join("/");
    return {
      name: path.length === 0
        ? this.naming.name(this.topic, this.channel, `${this.channel}:value`)
        : this.naming.name(this.topic, `${this.channel}/${inner}`, `${this.channel}:${inner}`),
      alias: this.naming.alias(this.topic.id, inner),
      path,
      datatype,
      mixed: false,
      unit,
      writable: this.topic.description.writable,
      value: null,
      timeMs: 0,
    };
  }

  #keep(readings: readonly Reading[], timeMs: number): void {
    for (const reading of readings) {
      const known = this.#metrics.get(keyOf(reading));
      if (!known) continue;
      known.value = fitted(known, reading);
      known.timeMs = timeMs;
    }
  }

  #data(readings: readonly Reading[], timestampMs: number, historical: boolean): MetricOut[] {
    return readings.flatMap((reading) => {
      const known = this.#metrics.get(keyOf(reading));
      if (!known) return [];
      const { alias, datatype } = known;
      return [{ alias, timestampMs, historical, wire: wireOf(datatype), value: fitted(known, reading) }];
    });
  }
}

function keyOf({ path }: Reading): string {
  return path.join("/");
}

/** A datatype that holds values of both; undefined when there is only text. */
function unified(known: DataType, other: DataType): DataType | undefined {
  const both = [known, other];
  const either = (one: DataType, two: DataType) => both.includes(one) && both.includes(two);
  if (either(DATATYPE.double, DATATYPE.doubleArray)) return DATATYPE.doubleArray;
  if (either(DATATYPE.float, DATATYPE.floatArray)) return DATATYPE.floatArray;
  return undefined;
}

/** A reading's value in the datatype that its metric has. */
function fitted(known: KnownMetric, { datatype, value }: Reading): MetricValue | null {
  if (value === null || datatype === known.datatype) return value;
  if (known.datatype !== DATATYPE.string) {
    return isArray(known.datatype) && typeof value === "number" ? packArray(known.datatype, [value]) : null;
  }
  if (isArray(datatype)) return jsonText(unpackArray(datatype, value as Uint8Array));
  return value instanceof Uint8Array ? jsonText(value) : String(value);
}

function same(a: MetricValue | null, b: MetricValue | null): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  }
  return Object.is(a, b);
}
