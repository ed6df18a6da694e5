/** Home Assistant's discovery, as a broker's subscriber sees it. */
import { assertEquals } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { DevicePeer } from "../support/peer.ts";
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

eachForm(({ form, alone }) => {
  // The messages do not depend on how the program is packed.
  if (!form.name.includes("source")) return;

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
