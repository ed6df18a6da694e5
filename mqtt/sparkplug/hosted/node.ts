/**
 * The host application's side of one edge node of another maker (Sparkplug 3.0 section 5): births make topics of
 * its metrics, data their samples, deaths take it and its devices offline, and what does not fit what is known
 * makes the gateway ask for a rebirth. Messages of a connection come in order, so that a gap in their count is a
 * loss at once: there is nothing to wait for (section 5.9, a reorder timeout of zero).
 *
 * @module
 */
import { matchesAny } from "../../../protocol/topics.ts";
import type { Topic, TopicDescription } from "../../../hub/topic.ts";
import type { WriteResult } from "../../../hub/writing.ts";
import { REBIRTH } from "../certificates.ts";
import type { HostedNodeConfig } from "../config.ts";
import { DATATYPE, isKnown } from "../datatypes.ts";
import { decodePayload, encodePayload, type MetricIn, type MetricOut, type PayloadIn } from "../payload.ts";
import { commandTopic, type NodeMessage, TopicNames } from "./names.ts";
import { type HostedMetric, HostedSource } from "./source.ts";
import { commandMetric, encodingOf, payloadOf } from "./values.ts";

/** Metrics of a node and its devices together, as many as the gateway reads from one message. */
const MAX_METRICS = 10_000;

/** Devices of a node. */
const MAX_DEVICES = 1_024;

/** Rebirths are asked for no more often than this, in milliseconds: a birth tells everything. */
const ASK_EVERY_MS = 5_000;

/** How far ahead of the gateway's clock a value may be stamped, in milliseconds: what an NTP-kept clock stays within. */
const MAX_AHEAD_MS = 1_000;

/** A clock before this was never set, in milliseconds since 1970. */
const EARLIEST_MS = Date.UTC(2000, 0, 1);

/** What a hosted node works with. */
export interface HostedNodeParts {
  config: HostedNodeConfig;
  /** Patterns of topics whose values are events. */
  eventTopics: readonly string[];
  /** Makes a topic known, or says nothing and counts why it may not be. */
  define(description: TopicDescription): Topic | undefined;
  /** Takes a value. */
  publish(topic: Topic, timeUs: number, payload: Uint8Array): void;
  /** Commands for a topic come by {@link HostedNode.command} from now on, or do so no longer. */
  commanded(topic: Topic, on: boolean): void;
  /** What came of a command. */
  answered(topic: Topic, offset: number, result: WriteResult): void;
  /** Sends a command to the node; false when it has not subscribed to it. */
  send(topic: string, payload: Uint8Array): boolean;
  /** The node itself came or went. */
  present(online: boolean, reason: string): void;
  dropped(reason: string, detail: string): void;
  nowUs(): number;
}

/** One edge node. */
export class HostedNode {
  readonly #parts: HostedNodeParts;
  readonly #names: TopicNames;
  readonly #node = new HostedSource(undefined);
  readonly #devices = new Map<string, HostedSource>();
  readonly #commands = new Map<Topic, { source: HostedSource; metric: HostedMetric }>();
  /** Count of the last message. */
  #seq = 0;
  /** Which connection of the node's the birth belongs to; its death names it too. */
  #bdSeq: string | undefined;
  /** Why a rebirth is due, until it comes. */
  #rebirthFor: string | undefined;
  #askedMs = -Infinity;

  constructor(parts: HostedNodeParts) {
    this.#parts = parts;
    this.#names = new TopicNames(parts.config.device, MAX_METRICS);
  }

  /** Takes a message of the node's; the bytes are borrowed. */
  take({ verb, device }: NodeMessage, bytes: Uint8Array): void {
    const payload = decodePayload(bytes);
    if ("problem" in payload) return this.#parts.dropped("bad_payload", payload.problem);
    if (verb === "NBIRTH") return this.#nodeBirth(payload);
    if (verb === "NDEATH") return this.#nodeDeath(payload);
    if (!this.#node.online) {
      this.#parts.dropped("before_birth", `${verb} before NBIRTH`);
      return this.#wantRebirth(`${verb} came before NBIRTH`);
    }
    this.#count(payload);
    const source = device === undefined ? this.#node : this.#device(device);
    if (!source) return this.#parts.dropped("too_many_devices", `${device}: at most ${MAX_DEVICES}`);
    switch (verb) {
      case "DBIRTH":
        this.#birth(source, payload);
        break;
      case "NDATA":
      case "DDATA":
        this.#data(source, payload);
        break;
      case "DDEATH":
        this.#death(source, this.#timeUs(payload.timestampMs, undefined), "DDEATH");
        break;
    }
    this.#askForRebirth();
  }

  /** Sends a command that was given on one of the topics told of by `commanded`. */
  command(topic: Topic, offset: number, payload: Uint8Array): void {
    const { config, nowUs, send, answered } = this.#parts;
    const target = this.#commands.get(topic);
    if (!target) return;
    const nowMs = Math.floor(nowUs() / 1_000);
    const metric = commandMetric(target.metric, payload, nowMs);
    if ("problem" in metric) return answered(topic, offset, { status: "failed", message: metric.problem });
    const mqttTopic = commandTopic(config, target.source.device);
    const sent = send(mqttTopic, encodePayload({ timestampMs: nowMs, metrics: [metric] }));
    answered(
      topic,
      offset,
      sent
        ? { status: "done", message: "sent to the Sparkplug node" }
        : { status: "failed", message: `the node has not subscribed to ${mqttTopic}` },
    );
  }

  /** A way to the node is there, and nothing is known of it: births are not kept for those who come late. */
  connected(): void {
    this.#askedMs = -Infinity;
    this.#wantRebirth("nothing is known of the node");
  }

  /** Its connection is over. */
  end(): void {
    this.#allDead("connection lost");
  }

  // Births and deaths

  #nodeBirth(payload: PayloadIn): void {
    const bdSeq = bdSeqOf(payload);
    // Of a node that only tells everything again the devices are there all the while.
    if (bdSeq !== this.#bdSeq) this.#allDead("NBIRTH");
    this.#seq = Number(payload.seq ?? 0n);
    this.#bdSeq = bdSeq;
    this.#rebirthFor = undefined;
    if (!this.#node.online) this.#parts.present(true, "NBIRTH");
    this.#birth(this.#node, payload);
  }

  #nodeDeath(payload: PayloadIn): void {
    // The will of a former connection may come behind the next one's birth.
    if (!this.#node.online || bdSeqOf(payload) !== this.#bdSeq) {
      return this.#parts.dropped(
        "old_death",
        `NDEATH of bdSeq ${bdSeqOf(payload)}, born with ${this.#bdSeq}`,
      );
    }
    this.#allDead("NDEATH");
  }

  #allDead(reason: string): void {
    if (!this.#node.online) return;
    const nowUs = this.#parts.nowUs();
    for (const source of this.#devices.values()) this.#death(source, nowUs, reason);
    this.#silence(this.#node);
    this.#node.online = false;
    this.#parts.present(false, reason);
  }

  #death(source: HostedSource, timeUs: number, reason: string): void {
    if (!source.online) return;
    this.#silence(source);
    this.#status(source, timeUs, { online: false, reason });
  }

  /** Takes nothing more for a source's metrics. */
  #silence(source: HostedSource): void {
    for (const { commands } of source.metrics()) {
      if (!commands) continue;
      this.#commands.delete(commands);
      this.#parts.commanded(commands, false);
    }
  }

  #birth(source: HostedSource, payload: PayloadIn): void {
    this.#silence(source);
    source.clear();
    for (const given of payload.metrics) {
      if (source === this.#node && given.name === "bdSeq") source.leaveOut(given);
      else if (!this.#addMetric(source, given)) source.leaveOut(given);
    }
    if (source !== this.#node && !source.online) {
      this.#status(source, this.#parts.nowUs(), { online: true });
    }
    source.online = true;
    this.#values(source, payload, true);
  }

  #addMetric(source: HostedSource, given: MetricIn): boolean {
    const { define, dropped } = this.#parts;
    const { name, alias, datatype, unit, readOnly } = given;
    if (name === undefined) return false;
    if (!isKnown(datatype)) {
      dropped("unknown_datatype", `${name} has the datatype ${datatype}, which is not decoded`);
      return false;
    }
    const topicName = this.#names.of(source.device, name);
    if (typeof topicName === "object") {
      dropped("bad_metric", topicName.problem);
      return false;
    }
    const encoding = encodingOf(datatype);
    const topic = define({
      name: topicName,
      deliveryClass: matchesAny(this.#parts.eventTopics, topicName) ? "event" : "state",
      encoding,
      ...(unit === undefined ? {} : { unit }),
      writable: false,
    });
    if (!topic) return false;
    const commands = this.#mayBeWritten(topicName, readOnly)
      ? define({ name: `${topicName}/cmd`, deliveryClass: "event", encoding, writable: true })
      : undefined;
    const metric = { name, datatype, topic, commands };
    source.add(metric, alias);
    if (commands) {
      this.#commands.set(commands, { source, metric });
      this.#parts.commanded(commands, true);
    }
    return true;
  }

  #mayBeWritten(topic: string, readOnly: boolean | undefined): boolean {
    const { device, writable } = this.#parts.config;
    return readOnly === false ||
      (readOnly === undefined && matchesAny(writable, topic.slice(device.length + 1)));
  }

  #device(name: string): HostedSource | undefined {
    let source = this.#devices.get(name);
    if (!source && this.#devices.size < MAX_DEVICES) {
      this.#devices.set(name, source = new HostedSource(name));
    }
    return source;
  }

  /** Whether a device of the node's is there, as the gateway tells it of its own devices. */
  #status(source: HostedSource, timeUs: number, status: { online: boolean; reason?: string }): void {
    source.online = status.online;
    const name = `${this.#names.prefix(source.device)}$status`;
    const topic = this.#parts.define({ name, deliveryClass: "state", encoding: "json", writable: false });
    if (topic) this.#parts.publish(topic, timeUs, new TextEncoder().encode(JSON.stringify(status)));
  }

  // Data

  #data(source: HostedSource, payload: PayloadIn): void {
    if (source.online) return this.#values(source, payload, false);
    this.#parts.dropped("before_birth", `DDATA before DBIRTH of ${source.device}`);
    this.#wantRebirth(`data of ${source.device} came before its birth`);
  }

  #values(source: HostedSource, payload: PayloadIn, birth: boolean): void {
    for (const given of payload.metrics) {
      const metric = source.find(given);
      if (metric === "left out") continue;
      if (metric) this.#value(metric, given, payload, birth);
      else {
        this.#parts.dropped("unknown_metric", `${given.name ?? `alias ${given.alias}`} is not in the birth`);
        this.#wantRebirth("data of a metric came that no birth told of");
      }
    }
  }

  #value(metric: HostedMetric, given: MetricIn, { timestampMs }: PayloadIn, birth: boolean): void {
    // A birth may tell of a metric that has no value yet.
    if (birth && !given.value && !given.isNull) return;
    const { publish, dropped } = this.#parts;
    const { topic } = metric;
    const event = topic.description.deliveryClass === "event";
    if (given.historical && !event) return dropped("historical", `${topic.name} is of class state`);
    const payload = payloadOf(metric, given);
    if ("problem" in payload) return dropped("bad_value", payload.problem);
    // A birth says again what is known: that is no event.
    if (birth && event && isNewest(topic, payload)) return;
    publish(topic, this.#timeUs(given.timestampMs, timestampMs), payload);
  }

  /** The time that the node gave, where its clock can be right. */
  #timeUs(ofMetric: bigint | undefined, ofPayload: bigint | undefined): number {
    const nowUs = this.#parts.nowUs();
    const ms = Number(ofMetric ?? ofPayload ?? 0n);
    return ms >= EARLIEST_MS && ms * 1_000 <= nowUs + MAX_AHEAD_MS * 1_000 ? ms * 1_000 : nowUs;
  }

  // Rebirths

  #count({ seq }: PayloadIn): void {
    const expected = (this.#seq + 1) % 256;
    if (seq === BigInt(expected)) {
      this.#seq = expected;
      return;
    }
    this.#parts.dropped("gap", `seq ${seq} came in place of ${expected}`);
    this.#seq = Number(seq ?? BigInt(expected));
    this.#rebirthFor = `seq ${seq} came in place of ${expected}`;
  }

  #wantRebirth(why: string): void {
    this.#rebirthFor ??= why;
    this.#askForRebirth();
  }

  /** Asks, and again with a later message where no birth came. */
  #askForRebirth(): void {
    const nowMs = Math.floor(this.#parts.nowUs() / 1_000);
    if (this.#rebirthFor === undefined || nowMs < this.#askedMs + ASK_EVERY_MS) return;
    this.#askedMs = nowMs;
    const wanted: MetricOut = {
      name: REBIRTH,
      timestampMs: nowMs,
      datatype: DATATYPE.boolean,
      wire: "boolean",
      value: true,
    };
    const payload = encodePayload({ timestampMs: nowMs, metrics: [wanted] });
    if (!this.#parts.send(commandTopic(this.#parts.config), payload)) {
      this.#parts.dropped("rebirth_unheard", `${this.#rebirthFor}, and the node cannot be asked for a birth`);
    }
  }
}

function bdSeqOf({ metrics }: PayloadIn): string | undefined {
  const value = metrics.find(({ name }) => name === "bdSeq")?.value?.value;
  return value === undefined ? undefined : String(value);
}

function isNewest({ newest }: Topic, payload: Uint8Array): boolean {
  return newest?.length === payload.length && payload.every((byte, i) => byte === newest.bytes[i]);
}
