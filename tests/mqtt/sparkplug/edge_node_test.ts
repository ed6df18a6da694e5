/** The gateway as a Sparkplug edge node, as an independent host sees it through mosquitto. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachForm, uniqueName } from "../../support/each_form.ts";
import type { GatewayProcess } from "../../support/gateway_process.ts";
import { operator } from "../../support/operator.ts";
import { DevicePeer } from "../../support/peer.ts";
import { MosquittoBroker } from "../mosquitto.ts";
import { acknowledged } from "../readiness.ts";
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

eachForm(({ form, alone }) => {
  // One suffices to see that the payloads' library is in the package.
  const source = form.name.includes("source");
  for (const version of form.name === "Deno, source" ? [4, 5] : [5]) {
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
        // tck-id-principles-persistence-clean-session-311 and -50.
        assertMatch(broker.log, new RegExp(`-sparkplug \\(p${version === 5 ? 5 : 2}, c1,`));
      },
    );
  }

  if (!source) return;
  alone(
    "events that the broker did not read go out again as history, the newest one as news",
    async (start) => {
      await using broker = await MosquittoBroker.start();
      const sparkplug = { group: "plant", node: "gw", primaryHost: "scada" };
      const gateway = await start({ args: bridges({ url: `mqtt://127.0.0.1:${broker.port}`, sparkplug }) });
      const name = uniqueName("press");
      const device = await machine(gateway, name);
      const before = await SparkplugHost.start(broker.port);
      await before.state("scada", true, 1);
      await before.until(to("DBIRTH", name), "DBIRTH");
      await sendAlarms(device, 1, 10);
      await before.until(({ metrics }) => metrics.some(({ value }) => value === "10"), "the tenth event");
      await acknowledged(gateway, 10); // the host may have it before the gateway knows
      // What is written now lies in a socket that nobody reads, and goes with the broker.
      broker.signal("SIGSTOP");
      await sendAlarms(device, 11, 20);
      await broker.kill();
      await before[Symbol.asyncDispose]();
      await broker.restart();
      await sendAlarms(device, 21, 30);
      await using after = await SparkplugHost.start(broker.port);
      await after.state("scada", true, 2);
      await after.until(
        ({ metrics }) => metrics.some(({ value, name }) => value === "30" && !name),
        "the last event",
      );
      assertEquals(alarms(before, name), range(1, 10).map((event) => [event, false]));
      assertEquals(alarms(after, name), range(11, 30).map((event) => [event, event < 30]));
      assertEquals(after.of("NBIRTH").length, 1);
      // Attempts while nobody listened had no CONNECT.
      assertEquals(metric(after.of("NBIRTH")[0]!, "bdSeq")?.value, 1);
    },
  );
});

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Sends the events `from` to `to` and waits until they are on disk. */
async function sendAlarms(device: DevicePeer, from: number, to: number): Promise<void> {
  for (const event of range(from, to)) await device.publish(2, String(event));
  await device.until(() => (device.acked.get(2) ?? 0) >= to, `events up to ${to} on disk`);
}

/** The events that a host got, with whether they were marked as history. */
function alarms(host: SparkplugHost, device: string): [number, boolean][] {
  const alias = metric(host.caught.find(to("DBIRTH", device))!, "alarm")?.alias;
  return host.of("DDATA").flatMap(({ metrics }) =>
    metrics.filter((one) => one.alias === alias)
      .map(({ value, is_historical }): [number, boolean] => [Number(value), is_historical ?? false])
  );
}
