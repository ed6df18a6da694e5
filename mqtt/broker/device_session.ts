/**
 * The session of a device that speaks MQTT: begins with its first message, ends with its connection.
 *
 * @module
 */
import type { CloseCode } from "../../protocol/close_codes.ts";
import { MAX_PAYLOAD_BYTES } from "../../protocol/limits.ts";
import { matchesAny } from "../../protocol/topics.ts";
import { PayloadError } from "../../payload/payload.ts";
import { mayWrite, type Principal } from "../../hub/access.ts";
import type { CommitListener } from "../../hub/hub.ts";
import type { Topic, TopicDescription } from "../../hub/topic.ts";
import { PlainSession } from "../../sessions/plain.ts";
import type { Traffic } from "../../transport/transport.ts";
import type { SessionWay } from "../../transport/way.ts";
import { definitionRefusal } from "../definitions.ts";
import { guessEncoding, incoming } from "../payload.ts";
import { COMMAND_LEVEL, deviceTopic, SET_LEVEL } from "../topics.ts";
import { nodeMessage } from "../sparkplug/hosted/names.ts";
import { HostedNode } from "../sparkplug/hosted/node.ts";
import type { HostedNodeConfig } from "../sparkplug/config.ts";
import type { BrokerContext, PresentDevice, WriteTarget } from "./context.ts";
import { SPARKPLUG_PREFIX } from "./sparkplug_tree.ts";

/** The client's side of a session. */
export interface SessionClient {
  readonly id: string;
  readonly remote: string;
  readonly principal: Principal;
  traffic(): Traffic;
  /** Sends a value or a command to the client; resolves when it is under way. */
  send(topic: string, payload: Uint8Array): Promise<void>;
  /** Sends a Sparkplug command; false when the client has not subscribed to it. */
  command(topic: string, payload: Uint8Array): boolean;
  /** Ends the connection. */
  end(reason: string): void;
}

/** What became of a message: taken, or why not. `busy`: the client has to send it again. */
export type Taken = "ok" | "dropped" | "busy";

/** One MQTT device on one connection. */
export class MqttDeviceSession implements PresentDevice, WriteTarget {
  readonly transportKind = "mqtt";
  readonly device: string;
  readonly #session: PlainSession;
  readonly #topics = new Map<string, Topic>();
  readonly #commits = new Map<Topic, CommitListener>();
  readonly #waiting = new Map<Topic, Map<number, (taken: Taken) => void>>();
  /** Writable topics, with the MQTT topic that the client wants them on. */
  readonly #writable = new Map<Topic, string>();
  readonly #producer: string;
  /** Where the device is a Sparkplug edge node. */
  readonly #hosted: { config: HostedNodeConfig; node: HostedNode } | undefined;
  #present = true;

  constructor(readonly context: BrokerContext, readonly client: SessionClient, device: string) {
    this.device = device;
    const { principal, id, remote } = client;
    this.#session = new PlainSession({
      context,
      principal,
      session: this,
      connection: { remote, kind: this.transportKind },
      mode: "mqtt",
      client: `MQTT ${id}`,
      traffic: () => client.traffic(),
    });
    this.#producer = `mqtt ${id}`;
    const config = context.hostedNodes.get(device);
    this.#hosted = config && { config, node: this.#hostedNode(config) };
    context.presence.arrived(this);
  }

  get sessionId(): string {
    return this.#session.record.id;
  }

  get remote(): string {
    return this.client.remote;
  }

  way(): SessionWay {
    return this.#session.way();
  }

  /** Takes a message; `settled` is told when it may be acknowledged. */
  publish(mqttTopic: string, payload: Uint8Array, qos: number, settled: (taken: Taken) => void): void {
    if (this.#session.over) return settled("dropped");
    if (this.#hosted && mqttTopic.startsWith(SPARKPLUG_PREFIX)) {
      this.#sparkplug(this.#hosted, mqttTopic, payload);
      return settled("ok");
    }
    const topic = this.#topic(mqttTopic, payload, qos);
    if (!topic) return settled("dropped");
    const fitted = this.#fitted(topic, payload);
    if (!fitted) return settled("dropped");
    this.#session.tally.samplesIn++;
    this.#take(topic, this.context.clock.nowUs(), fitted, settled);
  }

  #take(topic: Topic, timeUs: number, payload: Uint8Array, settled: (taken: Taken) => void): void {
    if (topic.description.deliveryClass === "event") return this.#event(topic, timeUs, payload, settled);
    this.context.hub.publish(topic, timeUs, this.#session.record.number, payload);
    settled("ok");
  }

  /**
   * The client subscribed to `…/set` or `…/cmd` of its own: others can write that topic from now on.
   *
   * @param filter As the client gave it; one with wildcards declares nothing.
   * @returns whether it is such a topic: what is written to it comes by this session.
   */
  subscribed(filter: string): boolean {
    if (this.#session.over || /[+#]/.test(filter)) return false;
    const named = deviceTopic(this.context.tree, this.device, filter);
    if ("problem" in named) return false;
    const last = named.name.slice(named.name.lastIndexOf("/") + 1);
    if (last !== SET_LEVEL && last !== COMMAND_LEVEL) return false;
    const known = this.context.hub.topic(named.name);
    const topic = known?.description.writable ? known : this.#define({
      name: named.name,
      deliveryClass: last === SET_LEVEL ? "state" : "event",
      encoding: "json",
      writable: true,
    });
    if (!topic) return false;
    this.#writable.set(topic, filter);
    this.context.downlinks.attach(topic, this);
    return true;
  }

  deliver(topic: Topic, offset: number, _timeUs: number, payload: Uint8Array): void {
    const filter = this.#writable.get(topic);
    if (filter === undefined) return this.#hosted?.node.command(topic, offset, payload);
    const { downlinks } = this.context;
    this.#session.tally.samplesOut++;
    this.client.send(filter, payload.slice()).then(() => {
      if (topic.description.deliveryClass === "state") downlinks.confirmed(topic, offset);
      else downlinks.answered(topic, offset, { status: "done", message: "handed to the MQTT client" });
    }, () => {});
  }

  end(close: CloseCode, reason: string): void {
    if (this.finish(close.name, reason)) this.client.end(reason);
  }

  /**
   * The connection is over.
   *
   * @param detail More words, where the gateway ended it.
   * @returns false when that was known.
   */
  finish(reason: string, detail?: string): boolean {
    if (!this.#session.end(reason, detail)) return false;
    const { context } = this;
    this.#hosted?.node.end();
    for (const topic of this.#writable.keys()) context.downlinks.detach(topic, this);
    for (const [topic, listener] of this.#commits) context.hub.offCommit(topic, listener);
    for (const waiting of this.#waiting.values()) for (const settled of waiting.values()) settled("dropped");
    context.presence.departed(this, reason);
    return true;
  }

  /** Brings the record's totals up to date. */
  refresh(): void {
    this.#session.refresh();
  }

  #topic(mqttTopic: string, payload: Uint8Array, qos: number): Topic | undefined {
    const cached = this.#topics.get(mqttTopic);
    if (cached && !cached.description.writable) return cached;
    const named = deviceTopic(this.context.tree, this.device, mqttTopic);
    if ("problem" in named) return this.#drop("bad_topic", named.problem);
    if (!matchesAny(this.client.principal.write, named.name)) {
      return this.#drop("forbidden", `the token may not write ${named.name}`);
    }
    const { hub, eventTopics } = this.context;
    const known = hub.topic(named.name);
    if (known?.description.writable) {
      return this.#drop("not_writable", `${named.name} is written by others, not by the device`);
    }
    const event = qos > 0 && matchesAny(eventTopics, named.name);
    const topic = known ?? this.#define({
      name: named.name,
      deliveryClass: event ? "event" : "state",
      encoding: guessEncoding(payload),
      writable: false,
    });
    if (topic) this.#topics.set(mqttTopic, topic);
    return topic;
  }

  /** Makes a topic known or describes it anew, within what any device may. */
  #define(description: TopicDescription): Topic | undefined {
    const refusal = definitionRefusal(this.context.hub, description);
    return refusal ? this.#drop(refusal.reason, refusal.message) : this.context.hub.define(description);
  }

  #fitted(topic: Topic, payload: Uint8Array): Uint8Array | undefined {
    if (payload.length > MAX_PAYLOAD_BYTES) {
      return this.#drop(
        "too_large",
        `${payload.length} bytes on ${topic.name}, the limit is ${MAX_PAYLOAD_BYTES}`,
      );
    }
    try {
      const { payload: fitted, widened } = incoming(topic.description, payload);
      return !widened || this.#define({ ...topic.description, encoding: widened }) ? fitted : undefined;
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      return this.#drop("bad_payload", `${topic.name}: ${error.message}`);
    }
  }

  #event(topic: Topic, timeUs: number, payload: Uint8Array, settled: (taken: Taken) => void): void {
    const { hub, recorder } = this.context;
    this.#listen(topic);
    const sequence = recorder.acceptedSequence(topic, this.#producer) + 1;
    const offset = hub.publishEvent(
      topic,
      timeUs,
      this.#session.record.number,
      payload,
      0,
      payload.length,
      this.#producer,
      sequence,
    );
    if (offset === 0) return settled("busy");
    let waiting = this.#waiting.get(topic);
    if (!waiting) this.#waiting.set(topic, waiting = new Map());
    waiting.set(sequence, settled);
  }

  #listen(topic: Topic): void {
    if (this.#commits.has(topic)) return;
    const listener: CommitListener = (_sample, producer, sequence) => {
      const waiting = producer === this.#producer ? this.#waiting.get(topic) : undefined;
      const settled = waiting?.get(sequence);
      waiting?.delete(sequence);
      settled?.("ok");
    };
    this.#commits.set(topic, listener);
    this.context.hub.onCommit(topic, listener);
  }

  // Where the device is a Sparkplug edge node

  #sparkplug(
    { config, node }: { config: HostedNodeConfig; node: HostedNode },
    topic: string,
    payload: Uint8Array,
  ): void {
    const message = nodeMessage(config, topic);
    if (message) node.take(message, payload);
    else this.#drop("bad_topic", `${topic} is not one of the node ${config.group}/${config.node}`);
  }

  #hostedNode(config: HostedNodeConfig): HostedNode {
    const { clock, downlinks, eventTopics, presence } = this.context;
    return new HostedNode({
      config,
      eventTopics,
      define: (description) =>
        mayWrite(this.client.principal, description.name)
          ? this.#define(description)
          : this.#drop("forbidden", `the token may not write ${description.name}`),
      publish: (topic, timeUs, payload) => {
        this.#session.tally.samplesIn++;
        this.#take(topic, timeUs, payload, (taken) => {
          if (taken === "busy") {
            this.#drop("overloaded", `the recording cannot take events of ${topic.name} now`);
          }
        });
      },
      commanded: (topic, on) => on ? downlinks.attach(topic, this) : downlinks.detach(topic, this),
      answered: (topic, offset, result) => {
        this.#session.tally.samplesOut++;
        downlinks.answered(topic, offset, result);
      },
      send: (topic, payload) => this.client.command(topic, payload),
      present: (online, reason) => {
        if (this.#session.over || online === this.#present) return;
        this.#present = online;
        if (online) presence.arrived(this);
        else presence.departed(this, reason);
      },
      dropped: (reason, detail) => this.#drop(reason, detail),
      nowUs: () => clock.nowUs(),
    });
  }

  #drop(reason: string, detail: string): undefined {
    this.#session.tally.drop(reason);
    this.context.log("debug", `MQTT device ${this.device}: message dropped: ${detail}`);
    return undefined;
  }
}
