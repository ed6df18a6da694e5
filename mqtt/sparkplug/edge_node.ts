/**
 * The gateway as a Sparkplug edge node on one broker: births, data and deaths of its devices over a connection of
 * its own, whose will is the node's death, and what hosts write back.
 *
 * States go out as their newest values. Events are read behind a cursor as for every bridge: one counts as arrived
 * when the broker has answered a PINGREQ that was sent behind it, since QoS 0 has no acknowledgement; what did not
 * arrive goes out again on the next connection, marked historical.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { IClientOptions, IPublishPacket, MqttClient } from "mqtt";
import { PatternSet } from "../../hub/pattern.ts";
import { PayloadError } from "../../payload/payload.ts";
import type { BridgeStatus } from "../bridge/bridge.ts";
import { type BridgeConfig, bridgeName, hasBridge } from "../bridge/config.ts";
import type { BridgeContext } from "../bridge/context.ts";
import { clientOptions } from "../bridge/credentials.ts";
import { Cursors } from "../bridge/cursors.ts";
import { EventLane } from "../bridge/event_lane.ts";
import { type Connected, Link } from "../bridge/link.ts";
import { Losses } from "../bridge/losses.ts";
import type { OutgoingEvent } from "../bridge/outgoing_event.ts";
import { within } from "../within.ts";
import { nodeDeath } from "./certificates.ts";
import type { SparkplugConfig } from "./config.ts";
import { Devices } from "./devices.ts";
import { HostState } from "./host_state.ts";
import { HostWrites } from "./host_writes.ts";
import { NodeNames } from "./names.ts";
import { NodeMetrics } from "./node_metrics.ts";
import { encodePayload } from "./payload.ts";
import { readingsOf } from "./readings.ts";
import { BirthDeathSequence } from "./sequence.ts";
import { NodeSession } from "./session.ts";

/** Where the node stands. */
type Phase =
  | { at: "away" }
  /** Connected; the primary host application is not there. */
  | { at: "waiting"; client: MqttClient }
  /** Its NBIRTH is out. */
  | { at: "born"; client: MqttClient; session: NodeSession };

/** How long the count of connections may take to reach the disk before a connection is made anyhow. */
const KEEP_WITHIN_MS = 2_000;

/** DISCONNECT that has the broker send the will all the same (MQTT 5 section 3.14.2.1). */
const DISCONNECT_WITH_WILL = 4;

/** An edge node that runs. */
export class EdgeNode {
  readonly name: string;
  readonly #context: BridgeContext;
  readonly #config: BridgeConfig;
  readonly #names: NodeNames;
  readonly #link: Link;
  readonly #lane: EventLane;
  readonly #losses: Losses;
  readonly #devices: Devices;
  readonly #host: HostState | undefined;
  readonly #writes: HostWrites;
  readonly #nodeMetrics: NodeMetrics;
  readonly #bdSeq: BirthDeathSequence;
  readonly #statesEveryMs: number;
  readonly #toldUndecodable = new Set<string>();
  #phase: Phase = { at: "away" };
  #statesSent = 0;

  /** @param open Opens what each connection goes over, where that is no socket. */
  constructor(context: BridgeContext, config: BridgeConfig, sparkplug: SparkplugConfig, open?: () => Duplex) {
    this.#context = context;
    this.#config = config;
    this.name = `${bridgeName(config)} sparkplug`;
    this.#names = new NodeNames(sparkplug);
    this.#host = sparkplug.primaryHost === undefined ? undefined : new HostState();
    this.#statesEveryMs = 1_000 / sparkplug.maxHz;
    const node = `${bridgeName(config)} ${sparkplug.group}/${sparkplug.node}`;
    this.#bdSeq = new BirthDeathSequence(node, context.cursors, context.keptCursors);
    this.#losses = new Losses(
      (reason, events) => context.counters.add("mqtt_bridge_lost", reason, events),
      (message) => this.#log("warn", message),
    );
    this.#devices = new Devices(context.hub, sparkplug.filters, {
      described: (device) => this.#session?.described(device),
      presence: (device) => this.#session?.presence(device),
      state: (device) => this.#session?.state(device),
    });
    this.#nodeMetrics = new NodeMetrics((metric) => this.#devices.alias(metric));
    this.#writes = new HostWrites(
      context,
      this.name,
      this.#devices,
      (reason, detail) => this.#dropped(reason, detail),
    );
    this.#lane = this.#eventLane(`sparkplug ${node}`, sparkplug.filters);
    this.#link = new Link({
      options: () => this.#options(),
      connectTimeoutMs: config.connectTimeoutS * 1_000,
      ...(open ? { open } : {}),
      ...(config.version === 5 ? { goodbye: { reasonCode: DISCONNECT_WITH_WILL } } : {}),
      connecting: () => this.#bdSeq.sent(),
      online: (connected) => this.#online(connected),
      lost: () => this.#lost(),
      message: (packet, done) => {
        this.#message(packet);
        done();
      },
      said: (level, message) => this.#log(level, message),
    });
  }

  /** Begins to connect. */
  start(): void {
    this.#link.start();
  }

  /** Says that the node goes, and ends. */
  async stop(): Promise<void> {
    this.#lane.stop();
    this.#devices.stop();
    this.#losses.flush();
    this.#session?.end();
    this.#sayDeath();
    await this.#link.stop();
  }

  /** A device was removed: it is not there any more, which its status tells already. */
  deviceGone(_device: string): void {}

  status(): BridgeStatus {
    const { state, connections } = this.#link;
    const { protocol, host } = new URL(this.#config.url);
    const problem = state.at === "connecting"
      ? state.problem
      : `waits for the primary host application to be online on ${this.#names.hostState}`;
    const online = this.#phase.at === "born";
    return {
      name: this.name,
      broker: `${protocol}//${host}`,
      online,
      ...(online || problem === undefined ? {} : { problem }),
      connections,
      eventsDelivered: this.#lane.delivered,
      eventsLost: this.#losses.total,
      underWay: this.#lane.underWay,
      draining: this.#lane.draining,
      statesSent: this.#statesSent,
      statesConflated: this.#devices.conflated,
    };
  }

  // Connection

  async #options(): Promise<IClientOptions> {
    const { tree, recorder } = this.#context;
    const own = this.#config.clientId;
    const id = own === undefined
      ? `tidegate-${tree.gateway}-sparkplug`
      : hasBridge(this.#config)
      ? `${own}-sparkplug`
      : own;
    const options = await clientOptions({ ...this.#config, clean: true }, id);
    const bdSeq = this.#bdSeq.next();
    // A count that a crash took back would let an old connection's death end the next one's birth.
    await within(KEEP_WITHIN_MS, recorder.flush());
    return {
      ...options,
      will: {
        topic: this.#names.node("NDEATH"),
        payload: Buffer.from(encodePayload(nodeDeath(bdSeq, this.#nowMs()))),
        qos: 1,
        retain: false,
      },
    };
  }

  #online({ client }: Connected): void {
    this.#phase = { at: "waiting", client };
    this.#subscribe(client, this.#names.node("NCMD"));
    if (this.#names.hostState !== undefined) this.#subscribe(client, this.#names.hostState);
    else this.#begin(client);
  }

  #begin(client: MqttClient): void {
    const session = new NodeSession({
      client,
      names: this.#names,
      devices: this.#devices,
      nodeMetrics: this.#nodeMetrics,
      bdSeq: this.#bdSeq.current,
      statesEveryMs: this.#statesEveryMs,
      draining: () => this.#lane.draining,
      eventsLost: () => this.#losses.total,
      nowMs: () => this.#nowMs(),
      subscribe: (topic) => this.#subscribe(client, topic),
      stateSent: () => this.#statesSent++,
      undecodable: (topic, error) => this.#undecodable(topic, error),
      said: (level, message) => this.#log(level, message),
    });
    this.#phase = { at: "born", client, session };
    session.birth();
    this.#lane.online(this.#config.window);
  }

  #lost(): void {
    this.#lane.offline();
    this.#session?.end();
    this.#phase = { at: "away" };
  }

  #subscribe(client: MqttClient, topic: string): void {
    client.subscribe(topic, { qos: 1 }, (error, granted) => {
      if (client !== this.#client) return;
      const refused = granted?.some(({ qos }) => qos >= 128);
      if (error || refused) {
        this.#log("warn", `subscribing to ${topic} failed: ${error?.message ?? "the broker refuses it"}`);
      }
    });
  }

  get #client(): MqttClient | undefined {
    return this.#phase.at === "away" ? undefined : this.#phase.client;
  }

  get #session(): NodeSession | undefined {
    return this.#phase.at === "born" ? this.#phase.session : undefined;
  }

  #sayDeath(): void {
    const payload = Buffer.from(encodePayload(nodeDeath(this.#bdSeq.current, this.#nowMs())));
    this.#client?.publish(this.#names.node("NDEATH"), payload, { qos: 1, retain: false });
  }

  // What comes in

  #message(packet: IPublishPacket): void {
    const payload = typeof packet.payload === "string" ? Buffer.from(packet.payload) : packet.payload;
    const inbound = this.#names.inbound(packet.topic);
    switch (inbound.kind) {
      case "host_state":
        return this.#hostSaid(payload.toString());
      case "node_command":
        if (packet.retain) return this.#dropped("retained_command", packet.topic);
        if (this.#writes.asksForRebirth(payload)) this.#session?.rebirth();
        return;
      case "device_command":
        if (packet.retain) return this.#dropped("retained_command", packet.topic);
        return this.#writes.take(inbound.device, payload);
      case "foreign":
        return this.#dropped("no_rule", packet.topic);
    }
  }

  #hostSaid(payload: string): void {
    const news = this.#host?.take(payload);
    const client = this.#client;
    if (!news || !client) return;
    if (news.kind === "ignored") {
      return this.#log("info", `a STATE message of the primary host application is ignored: ${news.why}`);
    }
    if (news.kind === "online") {
      if (this.#phase.at === "waiting") {
        this.#log("info", "the primary host application is online");
        this.#begin(client);
      }
    } else if (this.#phase.at === "born") {
      this.#sayDeath();
      // Also for a broker that does not take the message: the will follows.
      this.#link.cut("the primary host application is offline");
    } else this.#log("info", "waiting for the primary host application, which is offline");
  }

  // Events

  #event({ topic, epoch, offset, timeUs, bytes, start, end }: OutgoingEvent, acked: () => void): void {
    const device = this.#devices.of(topic);
    const metrics = device?.metricsOf(topic);
    if (!device || !metrics) return acked();
    try {
      const readings = readingsOf(topic.description, bytes.slice(start, end));
      // The newest one is no history, whenever it goes out: it is what the topic holds now.
      const historical = this.#lane.draining && !(epoch === topic.epoch && offset === topic.deliveredOffset);
      const timeMs = Math.floor(timeUs / 1_000);
      this.#session?.event(device, { metrics, readings, timeMs, historical, acked });
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      this.#losses.add({ topic: topic.name, epoch, from: offset, to: offset, reason: "undecodable" });
      acked();
    }
  }

  #eventLane(reader: string, filters: readonly string[]): EventLane {
    const { hub, reader: recording, cursors, keptCursors, clock, fault } = this.#context;
    const { drainPerSecond, spoolMaxAgeS } = this.#config;
    return new EventLane({
      hub,
      reader: recording,
      patterns: new PatternSet(filters),
      drainPerSecond,
      ...(spoolMaxAgeS === undefined ? {} : { maxAgeMs: spoolMaxAgeS * 1_000 }),
      cursors: new Cursors(
        reader,
        cursors,
        keptCursors.filter((row) => row.reader === reader)
          .map(({ topic, epoch, offset }) => [topic, { epoch, offset }]),
      ),
      publish: (event, acked) => this.#event(event, acked),
      lost: (lost) => this.#losses.add(lost),
      fault: (error) => {
        fault(`bridge ${this.name}`, error);
        this.#link.cut();
      },
      nowUs: () => clock.nowUs(),
    });
  }

  /** Every payload is counted; a topic's first is told of. */
  #undecodable(topic: string, error: PayloadError): void {
    this.#context.counters.add("mqtt_bridge_dropped", "undecodable");
    if (this.#toldUndecodable.has(topic)) return;
    this.#toldUndecodable.add(topic);
    this.#log("warn", `values of ${topic} are left out: ${error.message}`);
  }

  #dropped(reason: string, detail: string): void {
    this.#context.counters.add("mqtt_bridge_dropped", reason);
    this.#log("warn", `a message was dropped (${reason}): ${detail}`);
  }

  #nowMs(): number {
    return Math.floor(this.#context.clock.nowUs() / 1_000);
  }

  #log(level: "info" | "warn" | "error", message: string): void {
    this.#context.log(level, `MQTT bridge ${this.name}: ${message}`);
  }
}
