/**
 * Home Assistant's MQTT discovery: each number and each switch of a device appears there by itself, with its
 * unit, its availability and, where it can be written, its command topic. Each entity is announced by itself: the
 * one message for a whole device that newer versions know would be sent whole with each channel that appears.
 *
 * @module
 */
import { decode } from "../../payload/decode.ts";
import { PayloadError } from "../../payload/payload.ts";
import type { Hub, PatternListener } from "../../hub/hub.ts";
import { PatternSet } from "../../hub/pattern.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";
import type { TopicTree } from "../topics.ts";

/** Device classes by unit, where the unit leaves no doubt. */
const DEVICE_CLASSES: Readonly<Record<string, string>> = {
  "°C": "temperature",
  "°F": "temperature",
  "K": "temperature",
  "hPa": "pressure",
  "mbar": "pressure",
  "bar": "pressure",
  "kPa": "pressure",
  "W": "power",
  "kW": "power",
  "Wh": "energy",
  "kWh": "energy",
  "V": "voltage",
  "A": "current",
  "Hz": "frequency",
  "lx": "illuminance",
  "dB": "sound_pressure",
  "B": "data_size",
  "B/s": "data_rate",
  "m/s": "speed",
  "km/h": "speed",
  "m³": "volume_storage",
  "L": "volume_storage",
  "kg": "weight",
};

/** What discovery needs of its bridge. */
export interface HomeAssistantParts {
  hub: Hub;
  tree: TopicTree;
  /** `homeassistant` unless the user has set another one there. */
  prefix: string;
  /** Topic on which the newest value of a topic goes out as text, or undefined when none does. */
  stateTopic(topic: Topic): string | undefined;
  /** Whether an operator has removed a device. */
  isRemoved(device: string): boolean;
  /** Publishes, retained. */
  publish(topic: string, payload: string): void;
}

/** Announces what there is. */
export class HomeAssistant implements PatternListener {
  readonly patterns = new PatternSet(["#"]);
  readonly #parts: HomeAssistantParts;
  /** Announcements by the topic of the hub: discovery topic to payload. */
  readonly #announced = new Map<Topic, Map<string, string>>();
  /** Topics whose announcement is out of date. */
  readonly #changed = new Set<Topic>();
  /** What has which id: two names may become alike. */
  readonly #ids = new Map<string, string>();
  #online = false;

  constructor(parts: HomeAssistantParts) {
    this.#parts = parts;
    parts.hub.listen(this);
  }

  /** Where Home Assistant says that it has started. */
  get statusTopic(): string {
    return `${this.#parts.prefix}/status`;
  }

  /** The broker is there: everything is announced again. */
  online(): void {
    this.#online = true;
    for (const topic of this.#parts.hub.topics()) this.#announce(topic);
  }

  /** Takes a message of Home Assistant's; true when it was one. */
  message(topic: string, payload: string): boolean {
    if (topic !== this.statusTopic) return false;
    if (payload === "online") this.online();
    return true;
  }

  defined(topic: Topic): void {
    this.#changed.add(topic);
    if (this.#online) this.#announce(topic);
  }

  missing(): void {}

  /** What a topic holds may show with its first value only. */
  sample({ topic }: BorrowedSample): void {
    if (this.#online && (!this.#announced.has(topic) || this.#changed.has(topic))) this.#announce(topic);
  }

  /** A device was removed: Home Assistant forgets it. */
  deviceGone(device: string): void {
    for (const topic of this.#announced.keys()) {
      if (topic.name.startsWith(`${device}/`)) this.defined(topic);
    }
  }

  stop(): void {
    this.#parts.hub.unlisten(this);
  }

  #announce(topic: Topic): void {
    if (topic.description.deliveryClass !== "state" || /\/\$/.test(topic.name)) return;
    const stateTopic = this.#parts.stateTopic(topic);
    if (stateTopic === undefined) return;
    const entities = entitiesOf(topic, `${this.#parts.tree.outward(topic.name)}/set`);
    if (entities === undefined) return;
    const { prefix, publish, isRemoved } = this.#parts;
    const removed = isRemoved(topic.name.slice(0, topic.name.indexOf("/")));
    const configs = new Map<string, string>();
    for (const { component, field, config } of entities) {
      const id = this.#id(topic, field);
      const common = this.#common(topic, stateTopic, id, field);
      const entity = { ...common, default_entity_id: `${component}.${slug(id)}`, ...config };
      configs.set(`${prefix}/${component}/${id}/config`, removed ? "" : JSON.stringify(entity));
    }
    // What it was before, a sensor that has become a number say, would stay beside what it is.
    for (const discovery of this.#announced.get(topic)?.keys() ?? []) {
      if (!configs.has(discovery)) publish(discovery, "");
    }
    for (const [discovery, payload] of configs) publish(discovery, payload);
    this.#changed.delete(topic);
    if (removed) this.#announced.delete(topic);
    else this.#announced.set(topic, configs);
  }

  /** The same in every run: topics keep their order and their numbers. */
  #id({ name, id }: Topic, field: string | undefined): string {
    const of = `${name} ${field ?? ""}`;
    const plain = objectId(`${this.#parts.tree.gateway}_${name}${field === undefined ? "" : `_${field}`}`);
    const own = (this.#ids.get(plain) ?? of) === of ? plain : `${plain}_${id}`;
    this.#ids.set(own, of);
    return own;
  }

  #common(topic: Topic, stateTopic: string, id: string, field: string | undefined): Record<string, unknown> {
    const { tree } = this.#parts;
    const device = topic.name.slice(0, topic.name.indexOf("/"));
    const channel = topic.name.slice(device.length + 1);
    const deviceStatus = this.#parts.hub.topic(`${device}/$status`);
    const statusTopic = deviceStatus && this.#parts.stateTopic(deviceStatus);
    return {
      name: field === undefined ? channel : `${channel} ${field}`,
      unique_id: id,
      state_topic: stateTopic,
      availability_mode: "all",
      availability: [
        { topic: tree.statusTopic },
        ...(statusTopic === undefined ? [] : [{
          topic: statusTopic,
          value_template: "{{ 'online' if value_json.online else 'offline' }}",
        }]),
      ],
      device: {
        identifiers: [objectId(`${tree.gateway}_${device}`)],
        name: device,
        manufacturer: "Tidegate",
      },
      origin: { name: "Tidegate" },
    };
  }
}

interface Entity {
  component: "sensor" | "binary_sensor" | "number" | "switch";
  field?: string;
  config: Record<string, unknown>;
}

/** Home Assistant refuses a number with a smaller one. */
const SMALLEST_STEP = 0.001;

/** What a topic is in Home Assistant; undefined while its first value has yet to show it, or when it is neither. */
function entitiesOf(topic: Topic, commandTopic: string): Entity[] | undefined {
  const { description, newest } = topic;
  const { unit, writable } = description;
  if (description.encoding === "struct") {
    return (description.fields ?? []).map((field) =>
      fieldEntity(field.name, field.type === "bool", field.unit ?? unit)
    );
  }
  if (!newest) return undefined;
  let value: unknown;
  try {
    value = decode(description, newest.bytes.subarray(0, newest.length));
  } catch (error) {
    if (error instanceof PayloadError) return undefined;
    throw error;
  }
  if (typeof value === "boolean") {
    const payloads = { payload_on: "true", payload_off: "false" };
    return writable
      ? [{ component: "switch", config: { ...payloads, command_topic: commandTopic } }]
      : [{ component: "binary_sensor", config: payloads }];
  }
  if (typeof value === "number") {
    const config = unitConfig(unit, writable);
    if (!writable) return [{ component: "sensor", config }];
    const wide = { min: -1e9, max: 1e9, step: SMALLEST_STEP, mode: "box", command_topic: commandTopic };
    return [{ component: "number", config: { ...config, ...wide } }];
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value)
    .filter(([, part]) => typeof part === "number" || typeof part === "boolean")
    .map(([name, part]) => fieldEntity(name, typeof part === "boolean", unit));
}

/** One field of a structure. It cannot be written by itself. */
function fieldEntity(field: string, binary: boolean, unit: string | undefined): Entity {
  const template = { value_template: `{{ value_json[${JSON.stringify(field)}] }}` };
  // A template yields truths as Python writes them.
  if (binary) {
    const config = { ...template, payload_on: "True", payload_off: "False" };
    return { component: "binary_sensor", field, config };
  }
  return { component: "sensor", field, config: { ...template, ...unitConfig(unit, false) } };
}

function unitConfig(unit: string | undefined, writable: boolean): Record<string, unknown> {
  if (unit === undefined) return writable ? {} : { state_class: "measurement" };
  const deviceClass = DEVICE_CLASSES[unit];
  return {
    unit_of_measurement: unit,
    ...(deviceClass === undefined ? {} : { device_class: deviceClass }),
    ...(writable ? {} : { state_class: deviceClass === "energy" ? "total_increasing" : "measurement" }),
  };
}

/** Lower-case letters, digits and single `_` between them are all that entity ids hold. */
function slug(id: string): string {
  return id.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_").replace(/^_|_$/g, "");
}

/** Letters, digits, `_` and `-` are all that discovery topics may hold. */
function objectId(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_-]/g, "_");
}
