/**
 * What an edge node sends between its first NBIRTH on a connection and the end of that: births, data and deaths,
 * in one count.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { MqttClient } from "mqtt";
import { PayloadError } from "../../payload/payload.ts";
import { Barrier } from "./barrier.ts";
import { chronological, deviceBirth, deviceDeath, nodeBirth, nodeData } from "./certificates.ts";
import type { Devices, PendingEvent, SparkplugDevice } from "./devices.ts";
import type { NodeNames } from "./names.ts";
import type { NodeMetrics } from "./node_metrics.ts";
import { encodePayload, type MetricOut, type PayloadOut } from "./payload.ts";
import { readingsOf } from "./readings.ts";
import { Sequence } from "./sequence.ts";
import { Timers } from "./timers.ts";

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

/** What a session works with. */
export interface SessionParts {
  client: MqttClient;
  names: NodeNames;
  devices: Devices;
  nodeMetrics: NodeMetrics;
  /** Count of the connection, which its will carries too. */
  bdSeq: number;
  /** How often the states of a device go out at most, in milliseconds. */
  statesEveryMs: number;
  /** Whether events come from the recording now. */
  draining(): boolean;
  eventsLost(): number;
  nowMs(): number;
  subscribe(topic: string): void;
  /** A value was sent. */
  stateSent(): void;
  /** A payload is not what its topic's encoding says. */
  undecodable(topic: string, error: PayloadError): void;
  said(level: "warn", message: string): void;
}

/** One connection's births, data and deaths. */
export class NodeSession {
  readonly #parts: SessionParts;
  readonly #barrier: Barrier;
  readonly #seq = new Sequence();
  readonly #timers = new Timers();
  /** Devices with newer states, and those with events that wait. */
  readonly #newer = new Set<SparkplugDevice>();
  readonly #eventful = new Set<SparkplugDevice>();
  /** Devices whose commands are subscribed to. */
  readonly #commanded = new Set<string>();
  /** A birth of the node is due: until then no data go out. */
  #held = false;
  #over = false;
  #unwritten = 0;
  #nextStatesMs = 0;
  #lastBirthMs = -Infinity;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { client } = parts;
    this.#barrier = new Barrier(() => client.sendPing());
    client.on("packetsend", ({ cmd }) => {
      if (cmd === "pingreq") this.#barrier.asked();
    });
    client.on("packetreceive", ({ cmd }) => {
      if (cmd === "pingresp" && !this.#over) this.#barrier.answered();
    });
  }

  /** The connection is over. */
  end(): void {
    this.#over = true;
    this.#timers.clear();
    for (const device of this.#parts.devices) device.forget();
  }

  /** NBIRTH, and DBIRTH of every device that is there. */
  birth(): void {
    const { names, devices, nodeMetrics, bdSeq, nowMs } = this.#parts;
    this.#held = false;
    this.#lastBirthMs = performance.now();
    this.#seq.restart();
    const metrics = nodeMetrics.all(this.#nodeValues());
    this.#publish(
      names.node("NBIRTH"),
      nodeBirth({ bdSeq, nowMs: nowMs(), seq: this.#seq.next(), metrics }),
    );
    for (const device of devices) {
      device.born = false;
      device.birthDue = false;
      if (device.online || device.events.length > 0) this.#deviceBirth(device);
    }
    this.#scheduleEvents();
  }

  /** A host wants everything told again: data stop at once. */
  rebirth(): void {
    this.#held = true;
    const wait = this.#lastBirthMs + REBIRTH_EVERY_MS - performance.now();
    this.#timers.once("rebirth", Math.max(0, wait), () => this.birth());
  }

  /** What a device holds changed: it is born again. */
  described(device: SparkplugDevice): void {
    device.birthDue = true;
    this.#timers.once("births", BIRTH_SETTLE_MS, () => this.#births());
  }

  /** A device came or went. */
  presence(device: SparkplugDevice): void {
    if (!device.online) this.#buryAbsent();
    else if (!device.born) this.described(device);
    this.#scheduleStates();
  }

  /** A device has a newer state. */
  state(device: SparkplugDevice): void {
    this.#newer.add(device);
    this.#scheduleStates();
  }

  #scheduleStates(): void {
    if (this.#unwritten >= MAX_UNWRITTEN) return;
    const wait = Math.max(0, this.#nextStatesMs - performance.now());
    this.#timers.once("states", wait, () => this.#sendStates());
  }

  /** An event is to go out. */
  event(device: SparkplugDevice, event: PendingEvent): void {
    device.events.push(event);
    this.#eventful.add(device);
    if (event.metrics.learn(event.readings) || !device.born) this.described(device);
    this.#scheduleEvents();
  }

  #births(): void {
    for (const device of this.#parts.devices) {
      if (!device.birthDue) continue;
      device.birthDue = false;
      if (device.online || device.born || device.events.length > 0) this.#deviceBirth(device);
    }
    this.#sendNodeMetrics();
    this.#scheduleEvents();
  }

  /** DBIRTH, with the newest values: what waited of them is told by it. */
  #deviceBirth(device: SparkplugDevice): void {
    const { names, nowMs, subscribe } = this.#parts;
    for (const metrics of device.topics()) this.#decoding(metrics.topic.name, () => metrics.refresh());
    const known = [...device.metrics()];
    if (known.length === 0) return this.#arrived(device.events.splice(0));
    if (!this.#commanded.has(device.name) && known.some(({ writable }) => writable)) {
      this.#commanded.add(device.name);
      subscribe(names.device("DCMD", device.name));
    }
    device.latest.clear();
    device.born = true;
    this.#publish(names.device("DBIRTH", device.name), deviceBirth(known, nowMs(), this.#seq.next()));
    if (!device.online) this.#buryAbsent();
  }

  /** DDEATH of devices that are not there, once what they left is sent. */
  #buryAbsent(): void {
    this.#timers.once("deaths", DEATH_SETTLE_MS, () => {
      const { devices, names, nowMs, draining } = this.#parts;
      for (const device of devices) {
        if (!device.born || device.online) continue;
        if (this.#held || draining() || device.events.length > 0) this.#buryAbsent();
        else {
          device.forget();
          this.#publish(names.device("DDEATH", device.name), deviceDeath(nowMs(), this.#seq.next()));
        }
      }
    });
  }

  #sendStates(): void {
    if (this.#held) return;
    this.#nextStatesMs = performance.now() + this.#parts.statesEveryMs;
    const newer = [...this.#newer];
    this.#newer.clear();
    for (const device of newer) {
      // A birth that is due tells the newest values.
      if (device.born && !device.birthDue) this.#sendStatesOf(device);
    }
    this.#sendNodeMetrics();
  }

  #sendStatesOf(device: SparkplugDevice): void {
    const out: MetricOut[] = [];
    let unknown = false;
    device.latest.drain(({ topic, timeUs, bytes, start, end }) => {
      this.#parts.stateSent();
      const metrics = device.metricsOf(topic);
      if (!metrics) return;
      this.#decoding(topic.name, () => {
        const readings = readingsOf(topic.description, bytes.subarray(start, end));
        if (metrics.learn(readings)) unknown = true;
        else out.push(...metrics.changes(readings, Math.floor(timeUs / 1_000)));
      });
    });
    this.#sendData(device, out);
    if (unknown) this.described(device);
  }

  #scheduleEvents(): void {
    this.#timers.once("events", 0, () => this.#sendEvents());
  }

  #sendEvents(): void {
    if (this.#held) return;
    for (const device of this.#eventful) {
      if (!device.born || device.birthDue) continue;
      this.#eventful.delete(device);
      const events = device.events;
      device.events = [];
      const out = events.flatMap(({ metrics, readings, timeMs, historical }) =>
        metrics.event(readings, timeMs, historical)
      );
      this.#sendData(device, out, () => this.#arrived(events));
    }
  }

  /** Events were written: they count once the broker has read them. */
  #arrived(events: readonly PendingEvent[]): void {
    if (events.length === 0) return;
    this.#barrier.written(() => {
      for (const { acked } of events) acked();
    });
  }

  /** DDATA; `written` is told when the last of it was handed to the connection. */
  #sendData(device: SparkplugDevice, metrics: MetricOut[], written?: () => void): void {
    if (metrics.length === 0) return written?.();
    chronological(metrics);
    const topic = this.#parts.names.device("DDATA", device.name);
    for (let at = 0; at < metrics.length; at += MAX_METRICS) {
      const part = metrics.slice(at, at + MAX_METRICS);
      const last = at + MAX_METRICS >= metrics.length;
      const payload = { timestampMs: this.#parts.nowMs(), seq: this.#seq.next(), metrics: part };
      this.#publish(topic, payload, last ? written : undefined);
    }
  }

  /** NDATA, where a metric of the node's changed. */
  #sendNodeMetrics(): void {
    if (this.#held) return;
    const { names, nodeMetrics, nowMs } = this.#parts;
    const changed = nodeMetrics.changes(this.#nodeValues());
    if (changed.length > 0) {
      this.#publish(names.node("NDATA"), nodeData(changed, nowMs(), this.#seq.next()));
    }
  }

  #nodeValues(): { devicesOnline: number; eventsLost: number } {
    return { devicesOnline: this.#parts.devices.online, eventsLost: this.#parts.eventsLost() };
  }

  /** All of Sparkplug's data is QoS 0 and not retained. */
  #publish(topic: string, payload: PayloadOut, written?: () => void): void {
    const bytes = Buffer.from(encodePayload(payload));
    this.#unwritten++;
    this.#parts.client.publish(topic, bytes, { qos: 0, retain: false }, (error) => {
      if (this.#over) return;
      this.#unwritten--;
      if (error) return this.#parts.said("warn", `a message on ${topic} was not sent: ${error.message}`);
      written?.();
      if (this.#unwritten === MAX_UNWRITTEN - 1) this.#scheduleStates();
    });
  }

  #decoding(topic: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof PayloadError)) throw error;
      this.#parts.undecodable(topic, error);
    }
  }
}
