/**
 * What the page knows of one topic: its description, its newest value, and the numbers or texts to show.
 *
 * @module
 */
import { decode } from "../payload/decode.ts";
import { numbers } from "../payload/numbers.ts";
import type { ChannelAnnouncement, Encoding } from "../protocol/control.ts";
import { formatBytes } from "./format.ts";
import { RateMeter } from "./meters.ts";
import { Series } from "./series.ts";

/** Points kept for a chart: 15 minutes at 18 a second. */
const MAX_POINTS = 16_384;

/** Lines in one chart; a chart with more can no longer be read. */
const MAX_LINES = 12;

/** Samples of an event topic that the page keeps. */
export const MAX_EVENTS = 50;

/** Bytes of an opaque payload that the page keeps. */
const MAX_OPAQUE_BYTES = 256;

/** How a topic is shown: a chart of its numbers, its last value as text, or its last samples as a list. */
export type TopicKind = "chart" | "text" | "events";

/** One sample of an event topic. */
export interface EventEntry {
  timeMs: number;
  offset: number;
  text: string;
}

/** One topic on the page. */
export class TopicModel {
  /** Name of the device: the first level. */
  readonly device: string;
  /** The topic below its device. */
  readonly path: string;
  readonly rate: RateMeter = new RateMeter();
  readonly series: Series = new Series({ maxPoints: MAX_POINTS, maxColumns: MAX_LINES });
  /** Last samples of an event topic, oldest first. */
  readonly events: EventEntry[] = [];
  kind: TopicKind;
  /** Newest value, decoded; the bytes of an opaque one. */
  value: unknown = undefined;
  /** What is wrong with the newest payload, if anything is. */
  problem: string | undefined = undefined;
  /** Time of the newest sample in milliseconds since 1970, by the gateway's clock; NaN before the first. */
  timeMs: number = NaN;
  /** Rises with each change that a view should show. */
  version: number = 0;

  constructor(public description: ChannelAnnouncement) {
    const slash = description.topic.indexOf("/");
    this.device = slash < 0 ? description.topic : description.topic.slice(0, slash);
    this.path = slash < 0 ? description.topic : description.topic.slice(slash + 1);
    this.kind = likelyKind(description);
  }

  /** Unit of the value with this name: its field's own, or the channel's. */
  unitOf(name: string): string | undefined {
    const { fields, unit } = this.description;
    // An array's values are named by field and position: `cores.0`.
    const field = fields?.find((field) => name === field.name || name.startsWith(`${field.name}.`));
    return field?.unit ?? unit;
  }

  /** The channel was announced anew. Another encoding or other fields make the old numbers meaningless. */
  describe(description: ChannelAnnouncement): void {
    const before = this.description;
    this.description = description;
    const same = before.encoding === description.encoding && before.class === description.class &&
      JSON.stringify(before.fields) === JSON.stringify(description.fields);
    if (!same) {
      this.series.clear();
      this.kind = likelyKind(description);
    }
    this.version++;
  }

  /** Takes one sample; `bytes` is borrowed. `nowMs` is the page's clock, for the rate of live samples. */
  sample(bytes: Uint8Array, timeMs: number, offset: number, live: boolean, nowMs: number): void {
    if (live) this.rate.mark(nowMs);
    this.version++;
    const newest = !(timeMs < this.timeMs);
    const value = this.#decoded(bytes);
    if (newest) {
      this.timeMs = timeMs;
      this.value = value;
    }
    if (this.kind === "events") this.#event(value, timeMs, offset);
    else if (this.description.encoding !== "raw" && this.problem === undefined) this.#plot(value, timeMs);
  }

  #decoded(bytes: Uint8Array): unknown {
    this.problem = undefined;
    if (this.description.encoding === "raw") return bytes.slice(0, MAX_OPAQUE_BYTES);
    try {
      return decode(this.description, bytes);
    } catch (error) {
      this.problem = (error as Error).message;
      return bytes.slice(0, MAX_OPAQUE_BYTES);
    }
  }

  #plot(value: unknown, timeMs: number): void {
    const named = numbers(value, { maxCount: MAX_LINES * 2 });
    const { series } = this;
    let begun = false;
    for (const name in named) {
      const column = series.column(name);
      if (column < 0) continue;
      if (!begun && !series.begin(timeMs)) return;
      begun = true;
      series.set(column, named[name]!);
    }
    if (begun) this.kind = "chart";
  }

  #event(value: unknown, timeMs: number, offset: number): void {
    // After a new login the past comes once more.
    if (this.events.some((entry) => entry.offset === offset && entry.timeMs === timeMs)) return;
    this.events.push({ timeMs, offset, text: describeValue(value) });
    if (this.events.length > MAX_EVENTS) this.events.shift();
  }
}

/** Encodings that hold numbers and nothing else. */
const NUMERIC: readonly Encoding[] = ["f32", "f64", "struct"];

/** How a topic will be shown, before its first sample. */
function likelyKind({ class: deliveryClass, encoding }: ChannelAnnouncement): TopicKind {
  if (deliveryClass === "event") return "events";
  return NUMERIC.includes(encoding) ? "chart" : "text";
}

/**
 * A decoded value as text. The properties of an object come as `name: value`, with `separator` between them:
 * that is easier on the eye than JSON.
 */
export function describeValue(value: unknown, separator: string = ", "): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  if (value instanceof Uint8Array) return formatBytes(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return json(value);
  return Object.entries(value)
    .map(([name, entry]) => `${name}: ${typeof entry === "string" ? entry : json(entry)}`)
    .join(separator);
}

function json(value: unknown): string {
  return JSON.stringify(value, (_key, entry) => entry instanceof Uint8Array ? formatBytes(entry) : entry);
}
