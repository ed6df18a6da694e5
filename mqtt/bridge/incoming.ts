/**
 * What comes in over a bridge: values and commands for devices, and topics that rules bring in.
 *
 * @module
 */
import type { IPublishPacket } from "mqtt";
import { Buffer } from "node:buffer";
import { matches, topicProblem } from "../../protocol/topics.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocol/limits.ts";
import { PayloadError } from "../../payload/payload.ts";
import type { CommitListener } from "../../hub/hub.ts";
import type { Topic, TopicDescription } from "../../hub/topic.ts";
import type { WriteResult } from "../../hub/writing.ts";
import { definitionRefusal } from "../definitions.ts";
import { guessEncoding, incoming, recoded } from "../payload.ts";
import { render } from "../template.ts";
import { COMMAND_LEVEL, SET_LEVEL } from "../topics.ts";
import type { InRule } from "./config.ts";
import type { BridgeContext } from "./context.ts";
import { ORIGIN_PROPERTY } from "./properties.ts";
import { BridgeWrites } from "./writes.ts";

/** Levels of a topic, device included, that can be written over a bridge: MQTT has no wildcard in the middle. */
const WRITABLE_LEVELS = [2, 3, 4, 5, 6];

/** Answers a command where its sender asked for that (MQTT 5 section 4.10). */
export type Respond = (topic: string, correlation: Buffer | undefined, result: WriteResult) => void;

/** Takes the messages of one bridge. */
export class Incoming {
  readonly #writes: BridgeWrites;
  readonly #producer: string;
  readonly #waiting = new Map<Topic, Map<number, (error?: Error) => void>>();
  readonly #listeners = new Map<Topic, CommitListener>();

  constructor(
    readonly context: BridgeContext,
    readonly bridge: string,
    readonly rules: readonly InRule[],
    readonly respond: Respond,
    readonly dropped: (reason: string, detail: string) => void,
  ) {
    this.#writes = new BridgeWrites(context, bridge);
    this.#producer = `bridge ${bridge}`;
  }

  /** What to subscribe to, with the quality of service. */
  filters(): Map<string, 0 | 1 | 2> {
    const filters = new Map<string, 0 | 1 | 2>();
    const { prefix } = this.context.tree;
    for (const levels of WRITABLE_LEVELS) {
      const wild = Array.from({ length: levels }, () => "+").join("/");
      for (const last of [SET_LEVEL, COMMAND_LEVEL]) filters.set(`${prefix}${wild}/${last}`, 1);
    }
    for (const { filter, qos } of this.rules) filters.set(filter, qos);
    return filters;
  }

  /** Takes a message; `done` acknowledges it. */
  message(packet: IPublishPacket, done: (error?: Error) => void): void {
    const origin = packet.properties?.userProperties?.[ORIGIN_PROPERTY];
    if (origin === this.context.gateway) {
      this.dropped("echo", packet.topic);
      return done();
    }
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    if (payload.length > MAX_PAYLOAD_BYTES) {
      this.dropped(
        "too_large",
        `${payload.length} bytes on ${packet.topic}, the limit is ${MAX_PAYLOAD_BYTES}`,
      );
      return done();
    }
    const inbound = this.context.tree.inward(packet.topic);
    if (inbound.kind === "write") {
      // A retained command would be given again at every connect.
      if (packet.retain && inbound.level === COMMAND_LEVEL) this.dropped("retained_command", packet.topic);
      else this.#write(inbound.name, `${inbound.name}/${inbound.level}`, payload, packet);
      return done();
    }
    const rule = this.rules.find(({ filter }) => matches(filter, packet.topic));
    if (!rule) {
      this.dropped("no_rule", packet.topic);
      return done();
    }
    this.#take(rule, packet.topic, payload, done);
  }

  /** Ends. */
  stop(): void {
    for (const [topic, listener] of this.#listeners) this.context.hub.offCommit(topic, listener);
  }

  #write(name: string, own: string, payload: Buffer, packet: IPublishPacket): void {
    const { hub } = this.context;
    const topic = hub.topic(own)?.description.writable ? hub.topic(own) : hub.topic(name);
    const { responseTopic, correlationData } = packet.properties ?? {};
    const answer = (result: WriteResult) => {
      if (responseTopic !== undefined) this.respond(responseTopic, correlationData, result);
      if (result.status === "failed") this.dropped("write_refused", `${name}: ${result.message}`);
    };
    if (!topic) return answer({ status: "failed", message: `no device has declared the topic ${name}` });
    try {
      this.#writes.write(topic.name, recoded(topic.description, payload), answer);
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      answer({ status: "failed", message: error.message });
    }
  }

  #take(rule: InRule, mqttTopic: string, payload: Buffer, done: (error?: Error) => void): void {
    const { hub, clock, tree } = this.context;
    const name = render(rule.topic, tree.gateway, mqttTopic);
    const problem = topicProblem(name) ?? (name.includes("/") ? undefined : `${name} has no device level`);
    if (problem) {
      this.dropped("bad_topic", problem);
      return done();
    }
    const known = hub.topic(name);
    if (known?.description.writable) {
      this.dropped("not_writable", `${name} is written by others`);
      return done();
    }
    const topic = known ??
      this.#define({ name, deliveryClass: rule.class, encoding: guessEncoding(payload), writable: false });
    if (!topic) return done();
    let fitted: Uint8Array;
    try {
      const { payload: bytes, widened } = incoming(topic.description, payload);
      if (widened && !this.#define({ ...topic.description, encoding: widened })) return done();
      fitted = bytes;
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      this.dropped("bad_payload", `${name}: ${error.message}`);
      return done();
    }
    if (topic.description.deliveryClass === "event") return this.#event(topic, fitted, done);
    hub.publish(topic, clock.nowUs(), 0, fitted);
    done();
  }

  /** Makes a topic known or describes it anew, within what the device of its first level may. */
  #define(description: TopicDescription): Topic | undefined {
    const { hub } = this.context;
    const refusal = definitionRefusal(hub, description);
    if (!refusal) return hub.define(description);
    this.dropped(refusal.reason, refusal.message);
    return undefined;
  }

  /** An event is acknowledged to the broker once it is on disk. */
  #event(topic: Topic, payload: Uint8Array, done: (error?: Error) => void): void {
    const { hub, clock, recorder } = this.context;
    if (!this.#listeners.has(topic)) {
      const listener: CommitListener = (_sample, producer, sequence) => {
        if (producer !== this.#producer) return;
        const waiting = this.#waiting.get(topic);
        waiting?.get(sequence)?.();
        waiting?.delete(sequence);
      };
      this.#listeners.set(topic, listener);
      hub.onCommit(topic, listener);
    }
    const sequence = recorder.acceptedSequence(topic, this.#producer) + 1;
    const offset = hub.publishEvent(
      topic,
      clock.nowUs(),
      0,
      payload,
      0,
      payload.length,
      this.#producer,
      sequence,
    );
    if (offset === 0) {
      // Not acknowledged: a broker with our session sends it again.
      this.dropped("overloaded", topic.name);
      return done(new Error("the recording cannot take more events now"));
    }
    let waiting = this.#waiting.get(topic);
    if (!waiting) this.#waiting.set(topic, waiting = new Map());
    waiting.set(sequence, done);
  }
}
