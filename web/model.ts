/**
 * Everything the page knows of the gateway's devices and topics, found by what arrives.
 *
 * @module
 */
import type { ChannelAnnouncement } from "../protocol/control.ts";
import { DelayMeter, RateMeter } from "./meters.ts";
import { TopicModel } from "./topic_model.ts";

/** Topic below each device on which the gateway says whether it is there. */
const STATUS_PATH = "$status";

/** Delays kept for the percentiles: enough for a steady 95th, few enough to follow a change. */
const DELAYS_KEPT = 1_024;

/** What `<device>/$status` says. */
export interface Presence {
  online: boolean;
  transport: string | undefined;
  session: string | undefined;
}

/** A device and its topics. */
export interface DeviceModel {
  readonly name: string;
  /** Undefined until its status topic has been seen. */
  presence: Presence | undefined;
  /** By path below the device. */
  readonly topics: Map<string, TopicModel>;
}

/** Is told when the page has to grow: everything else is read when it is drawn. */
export interface ModelListener {
  /** A device was seen for the first time. */
  deviceFound(device: DeviceModel): void;
  /** A topic was seen for the first time. */
  topicFound(device: DeviceModel, topic: TopicModel): void;
  /** A topic needs another card: it is of another kind than was likely, or can be written now, or no longer. */
  topicChanged(device: DeviceModel, topic: TopicModel): void;
}

/** A sample as the connection hands it on; `bytes` is borrowed. */
export interface ArrivedSample {
  topic: string;
  offset: number;
  /** Gateway's clock, microseconds since 1970. */
  timeUs: number;
  /** From the recording or from before the session, as opposed to just measured. */
  past: boolean;
  bytes: Uint8Array;
}

/** The model that the views draw. */
export class Model {
  readonly devices: Map<string, DeviceModel> = new Map();
  /** Live samples a second over all topics. */
  readonly rate: RateMeter = new RateMeter();
  /** Live payload bytes a second over all topics. */
  readonly byteRate: RateMeter = new RateMeter();
  /** Gateway's clock at arrival minus the sample's time. */
  readonly delay: DelayMeter = new DelayMeter(DELAYS_KEPT);
  /** Samples taken since the page was opened. */
  received: number = 0;
  #topics = new Map<string, TopicModel>();
  #listener: ModelListener;

  constructor(listener: ModelListener) {
    this.#listener = listener;
  }

  /** Topics that have been announced and have a card; what a device's presence comes over has none. */
  get topicCount(): number {
    let count = 0;
    for (const { topics } of this.devices.values()) count += topics.size;
    return count;
  }

  /** Empties the charts, since more of the past is about to come: points are taken in order only. */
  forgetSeries(): void {
    for (const topic of this.#topics.values()) topic.series.clear();
  }

  /** A channel was announced, or announced anew. */
  announced(description: ChannelAnnouncement): void {
    const known = this.#topics.get(description.topic);
    if (known) return this.#watch(known, () => known.describe(description));
    const topic = new TopicModel(description);
    this.#topics.set(description.topic, topic);
    const device = this.#device(topic.device);
    if (topic.path === STATUS_PATH) return;
    device.topics.set(topic.path, topic);
    this.#listener.topicFound(device, topic);
  }

  /** A sample arrived. `gatewayNowMs` is the gateway's clock as the page knows it, `nowMs` the page's own. */
  sample(sample: ArrivedSample, gatewayNowMs: number, nowMs: number): void {
    const topic = this.#topics.get(sample.topic);
    if (!topic) return;
    const timeMs = sample.timeUs / 1000;
    this.received++;
    if (!sample.past) { // the past comes as fast as the link lets it
      this.rate.mark(nowMs);
      this.byteRate.mark(nowMs, sample.bytes.length);
      this.delay.mark(gatewayNowMs - timeMs);
    }
    this.#watch(
      topic,
      () => topic.sample(sample.bytes, timeMs, sample.offset, !sample.past, nowMs),
    );
    if (topic.path === STATUS_PATH) this.#device(topic.device).presence = presence(topic.value);
  }

  #watch(topic: TopicModel, change: () => void): void {
    const { kind, description: { writable } } = topic;
    change();
    const changed = topic.kind !== kind || topic.description.writable !== writable;
    if (changed && topic.path !== STATUS_PATH) {
      this.#listener.topicChanged(this.#device(topic.device), topic);
    }
  }

  #device(name: string): DeviceModel {
    let device = this.devices.get(name);
    if (!device) {
      device = { name, presence: undefined, topics: new Map() };
      this.devices.set(name, device);
      this.#listener.deviceFound(device);
    }
    return device;
  }
}

function presence(value: unknown): Presence | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { online, transport, session } = value as Record<string, unknown>;
  return {
    online: online === true,
    transport: typeof transport === "string" ? transport : undefined,
    session: typeof session === "string" ? session : undefined,
  };
}
