/** The gateway as a Sparkplug edge node, as an independent host sees it through mosquitto. */
import { assertEquals } from "@std/assert";
import { eachForm, uniqueName } from "../../support/each_form.ts";
import type { GatewayProcess } from "../../support/gateway_process.ts";
import { operator } from "../../support/operator.ts";
import { DevicePeer } from "../../support/peer.ts";
import { MosquittoBroker } from "../mosquitto.ts";
import { type Caught, metric, SparkplugHost, verbOf } from "./host.ts";

const bridges = (...configs: object[]) => ["--mqtt-bridges", JSON.stringify(configs), "--mqtt-name", "gw"];

const f64 = (value: number) => new Uint8Array(new Float64Array([value]).buffer);

async function machine(gateway: GatewayProcess, name: string, token?: string): Promise<DevicePeer> {
  const device = await DevicePeer.connect(gateway, token ?? await operator.addDevice(gateway, name));
  await device.advertise(
    { channel: 1, topic: "temperature", encoding: "f64", unit: "°C" },
    { channel: 2, topic: "alarm", encoding: "utf8", class: "event" },
    { channel: 3, topic: "target", encoding: "f64", writable: true },
  );
  return device;
}

const to = (verb: string, device: string) => (message: Caught) =>
  verbOf(message) === verb && message.topic.endsWith(`/${device}`);

eachForm(({ alone }) => {
  for (const version of [4, 5]) {
    alone(
      `births, data, a write and deaths travel over MQTT ${version === 4 ? "3.1.1" : "5"}`,
      async (start) => {
        await using broker = await MosquittoBroker.start();
        await using host = await SparkplugHost.start(broker.port);
        const sparkplug = { group: "plant", node: "gw" };
        const gateway = await start({
          args: bridges({ url: `mqtt://127.0.0.1:${broker.port}`, version, sparkplug }),
        });
        const nbirth = await host.until((message) => verbOf(message) === "NBIRTH", "NBIRTH");
        assertEquals(metric(nbirth, "bdSeq")?.value, 0);
        const name = uniqueName("press");
        const device = await machine(gateway, name);
        const dbirth = await host.until(to("DBIRTH", name), "DBIRTH");
        assertEquals(dbirth.metrics.map((one) => one.name), ["temperature", "alarm", "target"]);
        await device.publish(1, f64(21.5));
        const alias = metric(dbirth, "temperature")?.alias;
        const ddata = await host.until(to("DDATA", name), "DDATA");
        assertEquals(ddata.metrics.map((one) => [one.alias, one.value]), [[alias, 21.5]]);
        await host.command(`spBv1.0/plant/DCMD/gw/${name}`, {
          alias: metric(dbirth, "target")?.alias,
          double_value: 7.25,
        });
        const received = await device.until(() => device.received[0], "the desired value");
        assertEquals(new Float64Array(received.payload.slice().buffer)[0], 7.25);
        await device.leave();
        await host.until(to("DDEATH", name), "DDEATH");
        await gateway.stop();
        const ndeath = await host.until(to("NDEATH", "gw"), "NDEATH");
        assertEquals(ndeath.metrics.map((one) => [one.name, one.value]), [["bdSeq", 0]]);
        assertEquals(host.caught.filter(({ problem }) => problem), []);
      },
    );
  }
});
