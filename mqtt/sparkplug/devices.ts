/**
 * The gateway's devices as an edge node tells of them: which there are, whether they are there, and what they hold.
 *
 * @module
 */
import type { Hub, PatternListener } from "../../hub/hub.ts";
import { LatestValues } from "../../hub/latest_values.ts";
import { PatternSet } from "../../hub/pattern.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";
import type { Reading } from "./readings.ts";
import { type KnownMetric, type Naming, TopicMetrics } from "./topic_metrics.ts";

/** Last level of the topic that says whether a device is there. */
const STATUS_LEVEL = "$status";

/** An event on its way out. */
export interface PendingEvent {
  metrics: TopicMetrics;
  readings: readonly Reading[];
  timeMs: number;
  historical: boolean;
  acked(): void;
}

/** One device. */
export class SparkplugDevice {
  /** Whether the gateway has it connected; a device that no session stands for is there. */
  online = true;
  /** Whether hosts know it: its DBIRTH went out on this connection, and no DDEATH after it. */
  born = false;
  /** Whether a DBIRTH is due, until which its data wait. */
  birthDue = false;
  /** Newest values of its states that did not go out yet. */
  readonly latest = new LatestValues();
  /** Events that did not go out yet. */
  events: PendingEvent[] = [];
  readonly #topics = new Map<Topic, TopicMetrics>();

  constructor(readonly name: string) {}

  /** Its topics with their metrics. */
  topics(): Iterable<TopicMetrics> {
    return this.#topics.values();
  }

  /** The metrics of a topic. */
  metricsOf(topic: Topic): TopicMetrics | undefined {
    return this.#topics.get(topic);
  }

  /** Puts a topic there, or its changed description in place of the former one. */
  define(metrics: TopicMetrics): void {
    this.#topics.set(metrics.topic, metrics);
  }

  *metrics(): Generator<KnownMetric> {
    for (const topic of this.#topics.values()) yield* topic.all();
  }

  /** The connection is over: what did not go out is known elsewhere. */
  forget(): void {
    this.born = false;
    this.birthDue = false;
    this.events = [];
    this.latest.clear();
  }

  /** A metric by its alias, or else its name, with its topic. */
  find(
    { alias, name }: { alias?: bigint; name?: string },
  ): { metric: KnownMetric; topic: Topic } | undefined {
    for (const { topic, metrics } of this.#entries()) {
      for (const metric of metrics) {
        if (alias === undefined ? metric.name === name : BigInt(metric.alias) === alias) {
          return { metric, topic };
        }
      }
    }
    return undefined;
  }

  *#entries(): Generator<{ topic: Topic; metrics: Iterable<KnownMetric> }> {
    for (const [topic, known] of this.#topics) yield { topic, metrics: known.all() };
  }
}

/** What is told of devices. */
export interface DeviceNews {
  /** What a device holds changed. */
  described(device: SparkplugDevice): void;
  /** A device came or went. */
  presence(device: SparkplugDevice): void;
  /** A device that was born has a newer state. */
  state(device: SparkplugDevice): void;
}

/** All devices with topics of the edge node. */
export class Devices implements PatternListener {
  readonly patterns: PatternSet;
  /** Devices that are there. */
  online = 0;
  /** Values left out because a newer one took their place. */
  conflated = 0;
  readonly #hub: Hub;
  readonly #news: DeviceNews;
  readonly #wanted: PatternSet;
  readonly #devices = new Map<string, SparkplugDevice>();
  readonly #byTopic = new Map<Topic, SparkplugDevice>();
  readonly #aliases = new Map<string, number>();
  /** Which topic has which name, by device. */
  readonly #names = new Map<string, Topic>();

  constructor(hub: Hub, filters: readonly string[], news: DeviceNews) {
    this.#hub = hub;
    this.#news = news;
    this.#wanted = new PatternSet(filters);
    this.patterns = new PatternSet([...filters, `+/${STATUS_LEVEL}`]);
    for (const topic of hub.listen(this)) this.#add(topic);
  }

  stop(): void {
    this.#hub.unlisten(this);
  }

  [Symbol.iterator](): Iterator<SparkplugDevice> {
    return this.#devices.values();
  }

  get(name: string): SparkplugDevice | undefined {
    return this.#devices.get(name);
  }

  /** The device of a topic that has metrics. */
  of(topic: Topic): SparkplugDevice | undefined {
    return this.#byTopic.get(topic);
  }

  /** An alias that no other metric has. */
  alias(of: string): number {
    let alias = this.#aliases.get(of);
    if (alias === undefined) this.#aliases.set(of, alias = this.#aliases.size + 1);
    return alias;
  }

  defined(topic: Topic): void {
    const device = this.#add(topic);
    if (device) this.#news.described(device);
  }

  missing(): void {}

  sample(sample: BorrowedSample): void {
    const device = this.#byTopic.get(sample.topic);
    if (!device) return this.#status(sample.topic);
    if (!device.born || sample.topic.description.deliveryClass === "event") return;
    if (device.latest.put(sample)) this.conflated++;
    this.#news.state(device);
  }

  /** Takes a topic up; returns its device where it has metrics. */
  #add(topic: Topic): SparkplugDevice | undefined {
    const cut = topic.name.indexOf("/");
    if (cut < 0) return undefined;
    const name = topic.name.slice(0, cut);
    const channel = topic.name.slice(cut + 1);
    if (channel === STATUS_LEVEL) {
      this.#status(topic);
      return undefined;
    }
    if (!this.#wanted.has(topic.name) || channel.split("/").some((level) => level.startsWith("$"))) {
      return undefined;
    }
    const device = this.#device(name);
    device.define(new TopicMetrics(topic, channel, this.#naming(name)));
    this.#byTopic.set(topic, device);
    return device;
  }

  #device(name: string): SparkplugDevice {
    let device = this.#devices.get(name);
    if (!device) {
      this.#devices.set(name, device = new SparkplugDevice(name));
      device.online = isOnline(this.#hub.topic(`${name}/${STATUS_LEVEL}`));
      if (device.online) this.online++;
    }
    return device;
  }

  #status(topic: Topic): void {
    const device = this.#devices.get(topic.name.slice(0, topic.name.indexOf("/")));
    if (!device || topic.name !== `${device.name}/${STATUS_LEVEL}`) return;
    const online = isOnline(topic);
    if (online === device.online) return;
    device.online = online;
    this.online += online ? 1 : -1;
    this.#news.presence(device);
  }

  #naming(device: string): Naming {
    const take = (topic: Topic, name: string) => {
      const owner = this.#names.get(`${device}/${name}`);
      if (owner !== undefined && owner !== topic) return false;
      this.#names.set(`${device}/${name}`, topic);
      return true;
    };
    return {
      alias: (topic, path) => this.alias(`${topic} ${path}`),
      name: (topic, wanted, other) => {
        if (take(topic, wanted)) return wanted;
        let name = other;
        for (let n = 2; !take(topic, name); n++) name = `${other}:${n}`;
        return name;
      },
    };
  }
}

/** Whether a device is there, by its status topic; what an earlier run left there counts for nothing. */
function isOnline(status: Topic | undefined): boolean {
  if (!status) return true;
  const { newest } = status;
  if (!newest || newest.offset === 0) return false;
  const text = new TextDecoder().decode(newest.bytes.subarray(0, newest.length));
  return /"online":\s*true/.test(text);
}
