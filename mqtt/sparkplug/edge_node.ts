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
import type { IClientOptions, IPublishPacket, MqttClient } from "mqtt";
import { PatternSet } from "../../hub/pattern.ts";
import { PayloadError } from "../../payload/payload.ts";
import type { BridgeStatus } from "../bridge/bridge.ts";
import { type BridgeConfig, bridgeName } from "../bridge/config.ts";
import type { BridgeContext } from "../bridge/context.ts";
import { clientOptions } from "../bridge/credentials.ts";
import { Cursors } from "../bridge/cursors.ts";
import { EventLane, type OutgoingEvent } from "../bridge/event_lane.ts";
import { type Connected, Link } from "../bridge/link.ts";
import { Losses } from "../bridge/losses.ts";
import { Barrier } from "./barrier.ts";
import { chronological, deviceBirth, deviceDeath, nodeBirth, nodeData, nodeDeath } from "./certificates.ts";
import type { SparkplugConfig } from "./config.ts";
import { Devices, type SparkplugDevice } from "./devices.ts";
import { HostState } from "./host_state.ts";
import { HostWrites } from "./host_writes.ts";
import { NodeNames } from "./names.ts";
import { NodeMetrics } from "./node_metrics.ts";
import { encodePayload, type MetricOut, type PayloadOut } from "./payload.ts";
import { readingsOf } from "./readings.ts";
import { BirthDeathSequence, Sequence } from "./sequence.ts";

/** Where the node stands. */
type Phase =
  | { at: "away" }
  /** Connected; the primary host application is not there. */
  | { at: "waiting"; client: MqttClient }
  /** Its NBIRTH is out. While `held`, another one is due and no data go out. */
  | { at: "born"; client: MqttClient; barrier: Barrier; held: boolean };

/** How long changes of a device gather before it is born (again), in milliseconds: channels come one by one. */
const BIRTH_SETTLE_MS = 50;

/** How long a device is gone before its DDEATH, in milliseconds: its last events are on their way to disk. */
const DEATH_SETTLE_MS = 100;

/** Births of the whole node are no closer than this, in milliseconds, however often hosts ask. */
const REBIRTH_EVERY_MS = 250;

/** Messages that the library may hold; beyond them states wait, and newer ones take their place. */
const MAX_UNWRITTEN = 64;

/** Most metrics in one message of data. */
const MAX_METRICS = 500;

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
  readonly #seq = new Sequence();
  readonly #statesEveryMs: number;
  /** Devices whose commands this connection has subscribed to. */
  readonly #commanded = new Set<string>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  #phase: Phase = { at: "away" };
  #unwritten = 0;
  #statesSent = 0;
  #nextStatesMs = 0;
  #lastBirthMs = -Infinity;

  constructor(context: BridgeContext, config: BridgeConfig, sparkplug: SparkplugConfig) {
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
      described: (device) => this.#wantBirth(device),
      presence: (device) => this.#presence(device),
      state: () => this.#scheduleStates(),
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
      ...(config.version === 5 ? { goodbye: { reasonCode: DISCONNECT_WITH_WILL } } : {}),
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

  /** Cuts the connection, which is made anew. */
  cut(): void {
    this.#link.cut();
  }

  /** Says that the node goes, and ends. */
  async stop(): Promise<void> {
    this.#lane.stop();
    this.#devices.stop();
    this.#losses.flush();
    this.#clearTimers();
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
      : this.#config.rules.length === 0
      ? own
      : `${own}-sparkplug`;
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
    this.#commanded.clear();
    this.#unwritten = 0;
    this.#host?.reconnected();
    this.#phase = { at: "waiting", client };
    this.#subscribe(client, this.#names.node("NCMD"));
    if (this.#names.hostState !== undefined) this.#subscribe(client, this.#names.hostState);
    else this.#begin(client);
  }

  /** The first birth of a connection. */
  #begin(client: MqttClient): void {
    const barrier = new Barrier(() => client.sendPing());
    client.on("packetsend", ({ cmd }) => {
      if (cmd === "pingreq") barrier.asked();
    });
    client.on("packetreceive", ({ cmd }) => {
      if (cmd === "pingresp" && this.#link.state.at === "online") barrier.answered();
    });
    this.#phase = { at: "born", client, barrier, held: false };
    this.#birth();
    this.#lane.online(this.#config.window);
  }

  #lost(): void {
    this.#phase = { at: "away" };
    this.#lane.offline();
    this.#clearTimers();
    for (const device of this.#devices) device.forget();
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
        if (this.#writes.asksForRebirth(payload)) this.#rebirth();
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

  // Births and deaths

  /** A host wants everything told again. */
  #rebirth(): void {
    if (this.#phase.at !== "born") return;
    this.#phase.held = true;
    const wait = this.#lastBirthMs + REBIRTH_EVERY_MS - performance.now();
    this.#later("rebirth", Math.max(0, wait), () => this.#birth());
  }

  #birth(): void {
    if (this.#phase.at !== "born") return;
    this.#phase.held = false;
    this.#lastBirthMs = performance.now();
    this.#seq.restart();
    const metrics = this.#nodeMetrics.all(this.#nodeValues());
    const bdSeq = this.#bdSeq.current;
    this.#publish(
      this.#names.node("NBIRTH"),
      nodeBirth({ bdSeq, nowMs: this.#nowMs(), seq: this.#seq.next(), metrics }),
    );
    for (const device of this.#devices) {
      const due = device.online || device.events.length > 0;
      device.born = false;
      device.birthDue = false;
      if (due) this.#deviceBirth(device);
    }
    this.#scheduleEvents();
  }

  #wantBirth(device: SparkplugDevice): void {
    if (this.#phase.at !== "born") return;
    device.birthDue = true;
    this.#later("births", BIRTH_SETTLE_MS, () => {
      for (const one of this.#devices) {
        if (!one.birthDue) continue;
        one.birthDue = false;
        if (one.online || one.born || one.events.length > 0) this.#deviceBirth(one);
      }
      this.#sendNodeMetrics();
      this.#scheduleEvents();
    });
  }

  /** DBIRTH, with the newest values: what waited of them is told by it. */
  #deviceBirth(device: SparkplugDevice): void {
    const { client } = this.#phase as Extract<Phase, { at: "born" }>;
    for (const metrics of device.topics()) {
      this.#orDropped("undecodable", metrics.topic.name, () => metrics.refresh());
    }
    const known = [...device.metrics()];
    if (known.length === 0) return;
    if (!this.#commanded.has(device.name) && known.some(({ writable }) => writable)) {
      this.#commanded.add(device.name);
      this.#subscribe(client, this.#names.device("DCMD", device.name));
    }
    device.latest.clear();
    device.born = true;
    const birth = deviceBirth(known, this.#nowMs(), this.#seq.next());
    this.#publish(this.#names.device("DBIRTH", device.name), birth);
    if (!device.online) this.#buryAbsent();
  }

  #presence(device: SparkplugDevice): void {
    if (device.online) {
      if (!device.born) this.#wantBirth(device);
    } else this.#buryAbsent();
    this.#scheduleStates();
  }

  /** DDEATH of devices that are not there, once what they left is sent. */
  #buryAbsent(): void {
    if (this.#phase.at !== "born") return;
    this.#later("deaths", DEATH_SETTLE_MS, () => {
      if (this.#phase.at !== "born") return;
      for (const device of this.#devices) {
        if (!device.born || device.online) continue;
        if (this.#phase.held || this.#lane.draining || device.events.length > 0) {
          this.#buryAbsent();
          continue;
        }
        device.forget();
        const death = deviceDeath(this.#nowMs(), this.#seq.next());
        this.#publish(this.#names.device("DDEATH", device.name), death);
      }
    });
  }

  // Data

  #scheduleStates(): void {
    if (this.#phase.at !== "born" || this.#unwritten >= MAX_UNWRITTEN) return;
    this.#later("states", Math.max(0, this.#nextStatesMs - performance.now()), () => this.#sendStates());
  }

  #sendStates(): void {
    if (this.#phase.at !== "born" || this.#phase.held) return;
    this.#nextStatesMs = performance.now() + this.#statesEveryMs;
    for (const device of this.#devices) {
      if (!device.born || device.birthDue || device.latest.size === 0) continue;
      const out: MetricOut[] = [];
      let unknown = false;
      device.latest.drain(({ topic, timeUs, bytes, start, end }) => {
        this.#statesSent++;
        const metrics = device.metricsOf(topic);
        if (!metrics) return;
        this.#orDropped("undecodable", topic.name, () => {
          const readings = readingsOf(topic.description, bytes.subarray(start, end));
          if (metrics.learn(readings)) unknown = true;
          else out.push(...metrics.changes(readings, Math.floor(timeUs / 1_000)));
        });
      });
      this.#sendData(device, out);
      if (unknown) this.#wantBirth(device);
    }
    this.#sendNodeMetrics();
  }

  #event({ topic, epoch, offset, timeUs, bytes, start, end }: OutgoingEvent, acked: () => void): void {
    const device = this.#devices.of(topic);
    const metrics = device?.metricsOf(topic);
    if (!device || !metrics) return acked();
    try {
      const readings = readingsOf(topic.description, bytes.slice(start, end));
      // The newest one is no history, whenever it goes out: it is what the topic holds now.
      const historical = this.#lane.draining && !(epoch === topic.epoch && offset === topic.deliveredOffset);
      device.events.push({ metrics, readings, timeMs: Math.floor(timeUs / 1_000), historical, acked });
      if (metrics.learn(readings) || !device.born) this.#wantBirth(device);
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      this.#losses.add({ topic: topic.name, epoch, from: offset, to: offset, reason: "undecodable" });
      acked();
    }
    this.#scheduleEvents();
  }

  #scheduleEvents(): void {
    this.#later("events", 0, () => this.#sendEvents());
  }

  #sendEvents(): void {
    if (this.#phase.at !== "born" || this.#phase.held) return;
    const { barrier } = this.#phase;
    for (const device of this.#devices) {
      if (device.events.length === 0 || !device.born || device.birthDue) continue;
      const events = device.events;
      device.events = [];
      const out = events.flatMap(({ metrics, readings, timeMs, historical }) =>
        metrics.event(readings, timeMs, historical)
      );
      this.#sendData(device, out, () => {
        barrier.written(() => {
          for (const { acked } of events) acked();
        });
      });
    }
  }

  /** DDATA; `written` is told when the last of it was handed to the connection. */
  #sendData(device: SparkplugDevice, metrics: MetricOut[], written?: () => void): void {
    if (metrics.length === 0) return written?.();
    chronological(metrics);
    const topic = this.#names.device("DDATA", device.name);
    for (let at = 0; at < metrics.length; at += MAX_METRICS) {
      const part = metrics.slice(at, at + MAX_METRICS);
      const last = at + MAX_METRICS >= metrics.length;
      this.#publish(
        topic,
        { timestampMs: this.#nowMs(), seq: this.#seq.next(), metrics: part },
        last ? written : undefined,
      );
    }
  }

  /** NDATA, where a metric of the node's changed. */
  #sendNodeMetrics(): void {
    if (this.#phase.at !== "born" || this.#phase.held) return;
    const changed = this.#nodeMetrics.changes(this.#nodeValues());
    if (changed.length === 0) return;
    this.#publish(this.#names.node("NDATA"), nodeData(changed, this.#nowMs(), this.#seq.next()));
  }

  #nodeValues(): { devicesOnline: number; eventsLost: number } {
    let devicesOnline = 0;
    for (const device of this.#devices) if (device.online) devicesOnline++;
    return { devicesOnline, eventsLost: this.#losses.total };
  }

  // Common

  #publish(topic: string, payload: PayloadOut, written?: () => void): void {
    const client = this.#client;
    if (!client) return;
    this.#unwritten++;
    client.publish(topic, Buffer.from(encodePayload(payload)), { qos: 0, retain: false }, (error) => {
      if (client !== this.#client) return;
      this.#unwritten--;
      if (error) return this.#log("warn", `a message on ${topic} was not sent: ${error.message}`);
      written?.();
      if (this.#unwritten === MAX_UNWRITTEN - 1) this.#scheduleStates();
    });
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

  /** Runs once after a while, however often it is asked for meanwhile. */
  #later(what: string, ms: number, run: () => void): void {
    if (this.#timers.has(what)) return;
    this.#timers.set(
      what,
      setTimeout(() => {
        this.#timers.delete(what);
        run();
      }, ms),
    );
  }

  #clearTimers(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #orDropped(reason: string, what: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      this.#context.counters.add("mqtt_bridge_dropped", reason);
      this.#log("info", `${what} has no metrics: ${error.message}`);
    }
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

/** Waits, but not for ever; failing is left to others to tell of. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([work.catch(() => {}), new Promise<void>((late) => timer = setTimeout(late, ms))]);
  clearTimeout(timer);
}
