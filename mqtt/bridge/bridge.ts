/**
 * One bridge: the gateway's topics on a broker outside, and back.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IClientOptions, MqttClient } from "mqtt";
import { PatternSet } from "../../hub/pattern.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";
import type { WriteResult } from "../../hub/writing.ts";
import { type BridgeConfig, bridgeName, type OutRule } from "./config.ts";
import type { BridgeContext } from "./context.ts";
import { clientOptions } from "./credentials.ts";
import { Cursors } from "./cursors.ts";
import { EventLane } from "./event_lane.ts";
import { HomeAssistant } from "./home_assistant.ts";
import { HostedNodes } from "./hosted_nodes.ts";
import { Incoming } from "./incoming.ts";
import { type Connected, Link } from "./link.ts";
import { Losses } from "./losses.ts";
import { Outgoing } from "./outgoing.ts";
import { ORIGIN_PROPERTY } from "./properties.ts";
import { MAX_UNANSWERED, type Publisher } from "./publisher.ts";
import { StateLane } from "./state_lane.ts";

/** How a bridge fares. */
export interface BridgeStatus {
  name: string;
  /** Broker without user and password. */
  broker: string;
  online: boolean;
  /** What is wrong, in words, while it is not connected. */
  problem?: string;
  connections: number;
  eventsDelivered: number;
  eventsLost: number;
  underWay: number;
  draining: boolean;
  /** Bytes that wait for the broker, where there is a limit for them. */
  spooledBytes?: number;
  statesSent: number;
  statesConflated: number;
}

interface Lanes {
  out: Outgoing;
  states: StateLane | undefined;
  events: EventLane | undefined;
}

/** A bridge that runs. */
export class Bridge {
  readonly name: string;
  readonly #context: BridgeContext;
  readonly #config: BridgeConfig;
  readonly #link: Link;
  readonly #lanes: Lanes[];
  readonly #incoming: Incoming;
  readonly #losses: Losses;
  readonly #homeAssistant: HomeAssistant | undefined;
  readonly #hosted: HostedNodes | undefined;
  #client: MqttClient | undefined;
  #publisher: Publisher | undefined;

  constructor(context: BridgeContext, config: BridgeConfig) {
    this.#context = context;
    this.#config = config;
    this.name = bridgeName(config);
    this.#losses = new Losses(
      (reason, events) => context.counters.add("mqtt_bridge_lost", reason, events),
      (message) => this.#log("warn", message),
    );
    const outs = config.rules.filter((rule) => rule.direction === "out");
    this.#lanes = outs.map((rule) => this.#lanesOf(rule));
    this.#incoming = new Incoming(
      context,
      this.name,
      config.rules.filter((rule) => rule.direction === "in"),
      (topic, correlation, result) => this.#respond(topic, correlation, result),
      (reason, detail) => this.#dropped(reason, detail),
    );
    if (config.sparkplugNodes.length > 0) {
      this.#hosted = new HostedNodes({
        context,
        bridge: this.name,
        nodes: config.sparkplugNodes,
        send: (topic, payload) =>
          this.#client?.publish(topic, Buffer.from(payload), { qos: 0 }) !== undefined,
        dropped: (reason, detail) => this.#dropped(reason, detail),
      });
    }
    if (config.homeAssistant !== false) {
      this.#homeAssistant = new HomeAssistant({
        hub: context.hub,
        tree: context.tree,
        prefix: config.homeAssistant === true ? "homeassistant" : config.homeAssistant,
        isRemoved: context.isRemoved,
        stateTopic: (topic) => this.#stateTopic(topic.id, topic.name),
        publish: (topic, payload) => void this.#client?.publish(topic, payload, { qos: 0, retain: true }),
      });
    }
    this.#link = new Link({
      options: () => this.#options(),
      connectTimeoutMs: config.connectTimeoutS * 1_000,
      online: (connected) => this.#online(connected),
      lost: () => this.#lost(),
      message: (packet, done) => {
        if (this.#homeAssistant?.message(packet.topic, String(packet.payload))) return done();
        if (this.#hosted?.message(packet.topic, Buffer.from(packet.payload))) return done();
        this.#incoming.message(packet, done);
      },
      said: (level, message) => this.#log(level, message),
    });
  }

  /** Begins to connect. */
  start(): void {
    this.#link.start();
  }

  /** Cuts the connection, which is made anew. */
  cut(): void {
    this.#link.cut();
  }

  /** Reads nothing for a while. */
  async stall(ms: number): Promise<void> {
    const stream = this.#client?.stream;
    stream?.pause();
    await new Promise((over) => setTimeout(over, ms));
    stream?.resume();
  }

  /** Says that the gateway goes, and ends. */
  async stop(): Promise<void> {
    for (const { states, events } of this.#lanes) {
      states?.stop();
      events?.stop();
    }
    this.#incoming.stop();
    this.#homeAssistant?.stop();
    this.#losses.flush();
    const { statusTopic } = this.#context.tree;
    this.#client?.publish(statusTopic, "offline", { qos: 1, retain: true });
    await this.#link.stop();
  }

  /** A device was removed: what announced it is taken back. */
  deviceGone(device: string): void {
    this.#homeAssistant?.deviceGone(device);
  }

  status(): BridgeStatus {
    const { state, connections } = this.#link;
    const sum = (of: (lanes: Lanes) => number | undefined) =>
      this.#lanes.reduce((total, lanes) => total + (of(lanes) ?? 0), 0);
    const { protocol, host } = new URL(this.#config.url);
    return {
      name: this.name,
      broker: `${protocol}//${host}`,
      online: state.at === "online",
      ...(state.at === "connecting" && state.problem !== undefined ? { problem: state.problem } : {}),
      connections,
      eventsDelivered: sum(({ events }) => events?.delivered),
      eventsLost: this.#losses.total,
      underWay: sum(({ events }) => events?.underWay),
      draining: this.#lanes.some(({ events }) => events?.draining),
      ...(this.#config.spoolMaxBytes === undefined ? {} : {
        spooledBytes: sum(({ events }) => events?.spooledBytes),
      }),
      statesSent: sum(({ states }) => states?.sent),
      statesConflated: sum(({ states }) => states?.conflated),
    };
  }

  async #options(): Promise<IClientOptions> {
    const { tree, gateway } = this.#context;
    const options = await clientOptions(this.#config, this.#config.clientId ?? `tidegate-${tree.gateway}`);
    return {
      ...options,
      will: {
        topic: tree.statusTopic,
        payload: "offline" as unknown as Buffer,
        qos: 1,
        retain: true,
        ...(this.#config.version === 5
          ? { properties: { userProperties: { [ORIGIN_PROPERTY]: gateway } } }
          : {}),
      },
    };
  }

  #lanesOf(rule: OutRule): Lanes {
    const { hub, tree, gateway, reader, cursors, keptCursors, clock } = this.#context;
    const out = new Outgoing(rule, { id: gateway, level: tree.gateway }, this.#config.version);
    const patterns = new PatternSet([rule.filter]);
    const states = rule.class === "event" ? undefined : new StateLane({
      hub,
      patterns,
      ...(rule.maxHz === undefined ? {} : { maxHz: rule.maxHz }),
      publish: (sample, done) => this.#publish(out, sample, done),
      room: () => this.#publisher?.room ?? false,
    });
    if (rule.class === "state") return { out, states, events: undefined };
    const name = `mqtt ${this.name} ${rule.filter}`;
    const { drainPerSecond, spoolMaxAgeS, spoolMaxBytes } = this.#config;
    const events = new EventLane({
      hub,
      reader,
      patterns,
      drainPerSecond,
      ...(spoolMaxAgeS === undefined ? {} : { maxAgeMs: spoolMaxAgeS * 1_000 }),
      ...(spoolMaxBytes === undefined ? {} : { maxBytes: spoolMaxBytes }),
      cursors: new Cursors(
        name,
        cursors,
        keptCursors.filter((row) => row.reader === name)
          .map(({ topic, epoch, offset }) => [topic, { epoch, offset }]),
      ),
      publish: (event, acked) => this.#publish(out, { ...event, session: 0 }, acked, event.epoch),
      lost: (lost) => this.#losses.add(lost),
      fault: (error) => {
        this.#context.fault(`bridge ${this.name}`, error);
        this.#link.cut();
      },
      nowUs: () => clock.nowUs(),
    });
    return { out, states, events };
  }

  /** `settled` is told unless the connection ends before. */
  #publish(out: Outgoing, sample: BorrowedSample, settled: () => void, epoch?: string): void {
    const publisher = this.#publisher;
    if (!publisher) return;
    const { topic, offset } = sample;
    out.publish(publisher, sample, (code) => {
      if (publisher !== this.#publisher) return;
      // A refusal (MQTT 5 section 3.4.2.1) is the broker's last word on a message: repeating it wedges the bridge.
      if (code !== undefined) this.#refused(topic, offset, code, epoch);
      settled();
    }, epoch);
  }

  #refused(topic: Topic, offset: number, code: number, epoch = topic.epoch): void {
    this.#context.counters.add("mqtt_bridge_refused", String(code));
    if (topic.description.deliveryClass === "event") {
      this.#losses.add({
        topic: topic.name,
        epoch,
        from: offset,
        to: offset,
        reason: `refused with code ${code}`,
      });
    }
  }

  #online({ client, publisher, receiveMaximum, sessionPresent }: Connected): void {
    this.#client = client;
    this.#publisher = publisher;
    const { tree } = this.#context;
    const v5 = this.#config.version === 5;
    for (const [filter, qos] of this.#filters()) {
      // No Local (MQTT 5 section 3.8.3.1): what we publish ourselves does not come back.
      client.subscribe(filter, { qos, ...(v5 ? { nl: true, rap: true } : {}) }, (error, granted) => {
        if (client !== this.#client) return;
        if (error) return this.#log("warn", `subscribing to ${filter} failed: ${error.message}`);
        for (const { topic, qos: given } of granted ?? []) {
          if (given >= 128) {
            this.#log("warn", `the broker refuses the subscription to ${topic} (code ${given})`);
          }
        }
      });
    }
    client.publish(tree.statusTopic, "online", { qos: receiveMaximum > 1 ? 1 : 0, retain: true });
    // One place is left for the birth; what needs no acknowledgement does not count.
    const exactly = this.#lanes.some(({ out }) => out.rule.eventQos === 2);
    if (exactly && sessionPresent) publisher.releaseFormer();
    const most = MAX_UNANSWERED[exactly ? 2 : 1];
    const window = Math.max(1, Math.min(this.#config.window, receiveMaximum - 1, most));
    const acknowledged = this.#lanes.reduce(
      (count, { out, states, events }) =>
        count + (events ? 1 : 0) + (states && out.rule.stateQos === 1 ? 1 : 0),
      0,
    );
    const share = Math.max(1, Math.floor(window / Math.max(1, acknowledged)));
    for (const { out, states, events } of this.#lanes) {
      states?.online(out.rule.stateQos === 1 ? share : Infinity);
      events?.online(share);
    }
    this.#homeAssistant?.online();
    this.#hosted?.online();
  }

  #filters(): Map<string, 0 | 1 | 2> {
    const filters = this.#incoming.filters();
    if (this.#homeAssistant) filters.set(this.#homeAssistant.statusTopic, 0);
    for (const filter of this.#hosted?.filters() ?? []) filters.set(filter, 0);
    return filters;
  }

  #lost(): void {
    this.#client = undefined;
    this.#publisher = undefined;
    this.#hosted?.offline();
    for (const { states, events } of this.#lanes) {
      states?.offline();
      events?.offline();
    }
  }

  #stateTopic(id: number, name: string): string | undefined {
    const lanes = this.#lanes.find(({ states, out }) =>
      states?.patterns.has(name) && out.rule.payload === "text"
    );
    return lanes?.out.topic(id, name);
  }

  #respond(topic: string, correlationData: Buffer | undefined, result: WriteResult): void {
    this.#client?.publish(topic, JSON.stringify(result), {
      qos: 0,
      properties: {
        contentType: "application/json",
        ...(correlationData === undefined ? {} : { correlationData }),
        userProperties: { [ORIGIN_PROPERTY]: this.#context.gateway },
      },
    });
  }

  #dropped(reason: string, detail: string): void {
    this.#context.counters.add("mqtt_bridge_dropped", reason);
    if (reason !== "echo") this.#log("warn", `a message was dropped (${reason}): ${detail}`);
  }

  #log(level: "info" | "warn" | "error", message: string): void {
    this.#context.log(level, `MQTT bridge ${this.name}: ${message}`);
  }
}
