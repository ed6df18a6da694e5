/**
 * Reads discovery messages as Home Assistant's documentation of its MQTT integration says, and tells what is wrong:
 * "MQTT discovery" and "availability" of the integration's page, and the pages of the four kinds of entity used
 * here. Names that are not there are ignored by Home Assistant; here they are a mistake.
 *
 * @module
 */

/** What every kind of entity may have; all of it but `name` and the last ones has to be there for us. */
const COMMON = [
  "name",
  "unique_id",
  "default_entity_id",
  "device",
  "origin",
  "availability",
  "availability_mode",
  "enabled_by_default",
  "entity_category",
  "icon",
  "qos",
  "encoding",
];

/** What each kind may have besides, and what it has to have. */
const KINDS: Record<string, { may: string[]; must: string[] }> = {
  sensor: {
    must: ["state_topic"],
    may: [
      "device_class",
      "state_class",
      "unit_of_measurement",
      "value_template",
      "expire_after",
      "force_update",
      "suggested_display_precision",
      "options",
    ],
  },
  binary_sensor: {
    must: ["state_topic"],
    may: ["device_class", "payload_on", "payload_off", "value_template", "expire_after", "off_delay"],
  },
  number: {
    must: ["command_topic"],
    may: [
      "state_topic",
      "device_class",
      "unit_of_measurement",
      "value_template",
      "command_template",
      "min",
      "max",
      "step",
      "mode",
      "retain",
      "optimistic",
    ],
  },
  switch: {
    must: ["command_topic"],
    may: [
      "state_topic",
      "device_class",
      "payload_on",
      "payload_off",
      "state_on",
      "state_off",
      "value_template",
      "command_template",
      "retain",
      "optimistic",
    ],
  },
};

/** Units that a device class of sensors and numbers allows, and its state classes. */
const DEVICE_CLASSES: Record<string, { units: string[]; states: string[] }> = {
  temperature: { units: ["°C", "°F", "K"], states: ["measurement"] },
  pressure: {
    units: ["cbar", "bar", "hPa", "mmHg", "inHg", "inH₂O", "kPa", "mbar", "mPa", "Pa", "psi"],
    states: ["measurement"],
  },
  power: { units: ["mW", "W", "kW", "MW", "GW", "TW"], states: ["measurement"] },
  energy: {
    units: ["J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh", "cal", "kcal", "Mcal", "Gcal"],
    states: ["total", "total_increasing"],
  },
  voltage: { units: ["µV", "mV", "V", "kV", "MV"], states: ["measurement"] },
  current: { units: ["A", "mA"], states: ["measurement"] },
  frequency: { units: ["Hz", "kHz", "MHz", "GHz"], states: ["measurement"] },
  illuminance: { units: ["lx"], states: ["measurement"] },
  sound_pressure: { units: ["dB", "dBA"], states: ["measurement"] },
  data_size: {
    units: ["bit", "kbit", "Mbit", "Gbit", "B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"],
    states: ["measurement", "total", "total_increasing"],
  },
  data_rate: {
    units: ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "B/s", "kB/s", "MB/s", "GB/s", "KiB/s", "MiB/s", "GiB/s"],
    states: ["measurement"],
  },
  speed: {
    units: ["ft/s", "in/d", "in/h", "in/s", "km/h", "kn", "m/s", "mph", "mm/d", "mm/s"],
    states: ["measurement"],
  },
  volume_storage: { units: ["L", "mL", "gal", "fl. oz.", "m³", "ft³", "CCF"], states: ["measurement"] },
  weight: {
    units: ["kg", "g", "mg", "µg", "oz", "lb", "st"],
    states: ["measurement", "total", "total_increasing"],
  },
};

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isTopic = (value: unknown) => isText(value) && !/[+#\0]/.test(value) && value.length <= 65_535;
const isTemplate = (value: unknown) => isText(value) && /^\{\{ .* \}\}$/.test(value);

/** What is wrong with a discovery message; an empty payload, which takes an entity away, is right. */
export function discoveryProblems(topic: string, payload: string): string[] {
  const problems: string[] = [];
  const expect = (right: boolean, what: string) => void (right || problems.push(`${topic}: ${what}`));
  const [prefix, component = "", id = "", ...rest] = topic.split("/");
  expect(prefix === "homeassistant" && rest.join("/") === "config", "the topic has another form");
  expect(/^[a-zA-Z0-9_-]+$/.test(id), "the object id holds other characters");
  const kind = KINDS[component];
  if (!kind) return [...problems, `${topic}: no such component`];
  if (payload === "") return problems;
  const config = JSON.parse(payload) as Record<string, unknown>;
  for (const key of Object.keys(config)) {
    expect([...COMMON, ...kind.may, ...kind.must].includes(key), `${key} is no option of ${component}`);
  }
  for (const key of kind.must) expect(key in config, `${key} is required`);
  for (const [key, value] of Object.entries(config)) {
    if (key.endsWith("_topic")) expect(isTopic(value), `${key} is no topic`);
    if (key.endsWith("_template")) expect(isTemplate(value), `${key} is no template`);
  }
  expect(isText(config["name"]), "no name");
  // Best practice of the documentation: the object id is the unique id.
  expect(config["unique_id"] === id, "the unique id is another one than the topic's");
  expect(
    new RegExp(`^${component}\\.[a-z0-9]+(_[a-z0-9]+)*$`).test(String(config["default_entity_id"])),
    `default_entity_id ${config["default_entity_id"]} is no entity id`,
  );
  checkDevice(config, expect);
  checkAvailability(config, expect);
  checkMeasure(component, config, expect);
  if (component === "number") checkRange(config, expect);
  return problems;
}

type Expect = (right: boolean, what: string) => void;

function checkDevice({ device, origin }: Record<string, unknown>, expect: Expect): void {
  const { identifiers, connections, name } = device as Record<string, unknown>;
  expect(
    [identifiers ?? connections].flat().every(isText),
    "the device has neither identifiers nor connections",
  );
  expect(isText(name), "the device has no name");
  expect(isText((origin as Record<string, unknown> | undefined)?.["name"]), "the origin has no name");
}

function checkAvailability(config: Record<string, unknown>, expect: Expect): void {
  expect(["all", "any", "latest"].includes(String(config["availability_mode"])), "no such availability mode");
  const list = config["availability"] as Record<string, unknown>[];
  expect(list.length > 0, "nothing tells whether it is there");
  for (const { topic, value_template, ...more } of list) {
    expect(isTopic(topic), "availability without a topic");
    expect(value_template === undefined || isTemplate(value_template), "availability with a broken template");
    const known = ["payload_available", "payload_not_available"];
    expect(Object.keys(more).every((key) => known.includes(key)), "availability with unknown options");
  }
}

function checkMeasure(component: string, config: Record<string, unknown>, expect: Expect): void {
  const { device_class: name, unit_of_measurement: unit, state_class: state } = config;
  const states = ["measurement", "measurement_angle", "total", "total_increasing"];
  expect(state === undefined || states.includes(String(state)), `no such state class as ${state}`);
  if (name === undefined || component === "binary_sensor" || component === "switch") return;
  const allowed = DEVICE_CLASSES[String(name)];
  expect(allowed !== undefined, `no such device class as ${name}`);
  expect(allowed?.units.includes(String(unit)) ?? true, `${name} is not measured in ${unit}`);
  expect(state === undefined || (allowed?.states.includes(String(state)) ?? true), `${name} is no ${state}`);
}

function checkRange(config: Record<string, unknown>, expect: Expect): void {
  const { min = 1, max = 100, step = 1, mode = "auto" } = config;
  expect(Number(min) < Number(max), "min is not below max");
  expect(Number(step) >= 0.001, "the step is below 0.001");
  expect(["auto", "box", "slider"].includes(String(mode)), `no such mode as ${mode}`);
}
