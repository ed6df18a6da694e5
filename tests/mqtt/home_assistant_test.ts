/** Home Assistant's discovery, as a broker's subscriber sees it. */
import { assertEquals } from "@std/assert";
import { Counters } from "../../hub/counters.ts";
import { Hub } from "../../hub/hub.ts";
import type { TopicDescription } from "../../hub/topic.ts";
import { HomeAssistant } from "../../mqtt/bridge/home_assistant.ts";
import { TopicTree } from "../../mqtt/topics.ts";
import { eachForm, packedAlike, uniqueName } from "../support/each_form.ts";
import { MemoryRecording } from "../support/memory_recording.ts";
import { operator } from "../support/operator.ts";
import { DevicePeer } from "../support/peer.ts";
import { discoveryProblems } from "./home_assistant_reader.ts";
import { MosquittoBroker, mosquittoPub, MosquittoSub } from "./mosquitto.ts";

interface Discovery {
  unique_id: string;
  state_topic: string;
  command_topic?: string;
  unit_of_measurement?: string;
  device_class?: string;
  availability: { topic: string }[];
  device: { name: string };
}

Deno.test("each number and truth of a structure is an entity with what Home Assistant asks of its kind", () => {
  const hub = new Hub({ epoch: "gw.1", recorder: new MemoryRecording(), counters: new Counters() });
  const configs = new Map<string, Record<string, unknown>>();
  const homeAssistant = new HomeAssistant({
    hub,
    tree: new TopicTree("gw"),
    prefix: "homeassistant",
    isRemoved: () => false,
    stateTopic: ({ name }) => `tidegate/gw/${name}`,
    publish: (topic, payload) => void configs.set(topic.split("/")[2]!, JSON.parse(payload)),
  });
  homeAssistant.online();
  const describe = (name: string, more: Partial<TopicDescription>) =>
    hub.define({ name, deliveryClass: "state", encoding: "json", writable: false, ...more });
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  describe("PC/memory", {
    encoding: "struct",
    fields: [{ name: "used", type: "f64", unit: "B" }, { name: "swapping", type: "bool" }],
  });
  hub.publish(
    describe("PC/plug", { unit: "W" }),
    1,
    1,
    json({ power: 4.5, on: true, name: "lamp", at: [1] }),
  );
  hub.publish(describe("PC/target", { unit: "°C", writable: true }), 1, 1, json(20));
  const shown = (id: string, ...keys: string[]) => keys.map((key) => configs.get(id)?.[key]);
  const used = ["unit_of_measurement", "device_class", "state_class"];
  assertEquals(shown("gw_PC_memory_used", ...used), ["B", "data_size", "measurement"]);
  assertEquals(shown("gw_PC_plug_power", ...used), ["W", "power", "measurement"]);
  for (const id of ["gw_PC_memory_swapping", "gw_PC_plug_on"]) {
    assertEquals(shown(id, "payload_on", "payload_off", ...used), [
      "True",
      "False",
      undefined,
      undefined,
      undefined,
    ]);
  }
  assertEquals(shown("gw_PC_plug_on", "default_entity_id"), ["binary_sensor.gw_pc_plug_on"]);
  assertEquals(shown("gw_PC_target", "step", "command_topic", "state_class"), [
    0.001,
    "tidegate/gw/PC/target/set",
    undefined,
  ]);
  assertEquals(configs.size, 5);
  // Not named before the device that it would refer to is known.
  assertEquals(Object.keys(configs.get("gw_PC_target")!["device"] as object), [
    "identifiers",
    "name",
    "manufacturer",
  ]);
  homeAssistant.stop();
});

/** A hub with a discovery, and the broker's retained messages. */
function retaining(removed: Set<string>) {
  const hub = new Hub({ epoch: "gw.1", recorder: new MemoryRecording(), counters: new Counters() });
  const retained = new Map<string, string>();
  const problems: string[] = [];
  const homeAssistant = new HomeAssistant({
    hub,
    tree: new TopicTree("gw"),
    prefix: "homeassistant",
    isRemoved: (device) => removed.has(device),
    stateTopic: ({ name }) => `tidegate/gw/${name}`,
    publish: (topic, payload) => {
      problems.push(...discoveryProblems(topic, payload));
      if (payload === "") retained.delete(topic);
      else retained.set(topic, payload);
    },
  });
  const publish = (name: string, value: unknown, more: Partial<TopicDescription> = {}) => {
    const topic = hub.define({ name, deliveryClass: "state", encoding: "json", writable: false, ...more });
    hub.publish(topic, 1, 1, new TextEncoder().encode(JSON.stringify(value)));
  };
  const ids = () => [...retained.keys()].map((topic) => topic.split("/").slice(1, 3).join("/"));
  return { homeAssistant, publish, retained, problems, ids };
}

const UNITS = "°C °F K hPa mbar bar kPa W kW Wh kWh V A Hz lx dB B B/s m/s km/h m³ L kg % rpm".split(" ");

Deno.test("whatever is announced is what Home Assistant's documentation asks for", () => {
  const { homeAssistant, publish, retained, problems } = retaining(new Set());
  homeAssistant.online();
  for (const [i, unit] of UNITS.entries()) {
    publish(`dev/read${i}`, i + 0.5, { unit });
    publish(`dev/write${i}`, i + 0.5, { unit, writable: true });
  }
  publish("dev/$status", { online: true });
  publish("dev/on", true);
  publish("dev/relay", true, { writable: true });
  publish("Dev.2/a/é — long/name", { x: 1, "y z": true, 'quo"te': 2, _: 3, text: "no" });
  publish("dev/text", "none");
  assertEquals(problems, []);
  assertEquals(retained.size, 2 * UNITS.length + 2 + 4);
  homeAssistant.stop();
});

Deno.test("entities keep their ids from run to run, and no two have the same one", () => {
  const ids = [0, 1].map(() => {
    const { homeAssistant, publish, problems, ids } = retaining(new Set());
    for (const name of ["dev/a/b", "dev/a_b", "dev/a.b"]) publish(name, 1);
    publish("dev/a", { b: 2 });
    homeAssistant.online();
    assertEquals(problems, []);
    return ids();
  });
  assertEquals(ids[0], [
    "sensor/gw_dev_a_b",
    "sensor/gw_dev_a_b_2",
    "sensor/gw_dev_a_b_3",
    "sensor/gw_dev_a_b_4",
  ]);
  assertEquals(ids[1], ids[0]);
});

Deno.test("what has become another kind is not there twice, and a removed device does not come back", () => {
  const removed = new Set<string>();
  const { homeAssistant, publish, ids } = retaining(removed);
  homeAssistant.online();
  publish("dev/relay", 1);
  publish("other/x", 1);
  assertEquals(ids(), ["sensor/gw_dev_relay", "sensor/gw_other_x"]);
  publish("dev/relay", 1, { writable: true });
  assertEquals(ids().sort(), ["number/gw_dev_relay", "sensor/gw_other_x"]);
  removed.add("dev");
  homeAssistant.deviceGone("dev");
  assertEquals(ids(), ["sensor/gw_other_x"]);
  // Home Assistant starts again.
  homeAssistant.message("homeassistant/status", "online");
  assertEquals(ids(), ["sensor/gw_other_x"]);
  // An operator adds a device of that name.
  removed.delete("dev");
  publish("dev/relay", 2, { writable: true });
  assertEquals(ids().sort(), ["number/gw_dev_relay", "sensor/gw_other_x"]);
});

eachForm(({ form, alone }) => {
  // The messages do not depend on how the program is packed.
  if (packedAlike(form)) return;

  alone(
    "numbers, switches and writable values appear, again when asked, and go with their device",
    async (start) => {
      await using broker = await MosquittoBroker.start();
      const bridge = { url: `mqtt://127.0.0.1:${broker.port}`, homeAssistant: true };
      const gateway = await start({
        args: ["--mqtt-bridges", JSON.stringify([bridge]), "--mqtt-name", "gw"],
      });
      await using sub = await MosquittoSub.start({ port: broker.port, args: ["-q", "1"] }, "homeassistant/#");
      const name = uniqueName("dev");
      const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
      await device.advertise(
        { channel: 1, topic: "temperature", encoding: "f64", unit: "°C" },
        { channel: 2, topic: "door", encoding: "json" },
        { channel: 3, topic: "target", encoding: "f64", unit: "°C", writable: true },
      );
      await device.publish(1, new Uint8Array(new Float64Array([21]).buffer));
      await device.publish(2, "true");
      await operator.post(gateway, `/v1/topics/${encodeURIComponent(`${name}/target`)}`, 20);
      const config = async (component: string, channel: string): Promise<Discovery> => {
        const topic = `homeassistant/${component}/gw_${name}_${channel}/config`;
        const line = await sub.until((one) => one.startsWith(`${topic} {`));
        return JSON.parse(line.slice(topic.length + 1));
      };
      const temperature = await config("sensor", "temperature");
      assertEquals(temperature.state_topic, `tidegate/gw/${name}/temperature`);
      assertEquals(temperature.unit_of_measurement, "°C");
      assertEquals(temperature.device_class, "temperature");
      assertEquals(temperature.availability.map(({ topic }) => topic), [
        "tidegate/gw/$status",
        `tidegate/gw/${name}/$status`,
      ]);
      assertEquals(temperature.device.name, name);
      assertEquals((await config("binary_sensor", "door")).state_topic, `tidegate/gw/${name}/door`);
      const target = await config("number", "target");
      assertEquals(target.command_topic, `tidegate/gw/${name}/target/set`);
      await mosquittoPub({ port: broker.port }, target.command_topic!, "23.5");
      await device.until(() => device.received.length >= 2, "the value that Home Assistant set");

      const before = sub.lines.length;
      await mosquittoPub({ port: broker.port }, "homeassistant/status", "online");
      const ours = (line: string) => line.includes(`gw_${name}_temperature`);
      const earlier = sub.lines.slice(0, before).filter(ours).length;
      let announced = 0;
      await sub.until((line) => ours(line) && ++announced > earlier);

      await operator.revokeDevice(gateway, name);
      await sub.until((line) => line === `homeassistant/sensor/gw_${name}_temperature/config (null)`);
    },
  );
});
