/** The gateway as a Sparkplug edge node on its own broker, as an independent host that connects there sees it. */
import { assertEquals } from "@std/assert";
import { eachForm, uniqueName } from "../../support/each_form.ts";
import { operator } from "../../support/operator.ts";
import { DevicePeer } from "../../support/peer.ts";
import { mosquittoPub, MosquittoSub } from "../mosquitto.ts";
import { type Caught, metric, SparkplugHost, verbOf } from "./host.ts";

const f64 = (value: number) => new Uint8Array(new Float64Array([value]).buffer);

const to = (verb: string, id: string) => (message: Caught) =>
  verbOf(message) === verb && message.topic.endsWith(`/${id}`);

eachForm(({ form, alone }) => {
  // What travels does not depend on how the program is packed.
  if (!form.name.includes("source")) return;

  alone(
    "a host on the embedded broker sees births, data and deaths, writes, and says whether it is there",
    async (start) => {
      const sparkplug = { group: "plant", node: "gw", primaryHost: "scada" };
      const gateway = await start({ args: ["--mqtt-sparkplug", JSON.stringify(sparkplug)] });
      await using host = await SparkplugHost.start(gateway.mqttPort, gateway.token);
      const name = uniqueName("press");
      const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
      await device.advertise(
        { channel: 1, topic: "temperature", encoding: "f64", unit: "°C" },
        { channel: 2, topic: "alarm", encoding: "utf8", class: "event" },
        { channel: 3, topic: "target", encoding: "f64", writable: true },
      );
      await host.state("scada", true, Date.now());
      const dbirth = await host.until(to("DBIRTH", name), "DBIRTH");
      assertEquals(host.of("NBIRTH").length, 1);
      assertEquals(dbirth.metrics.map((one) => one.name), ["temperature", "alarm", "target"]);
      await device.publish(1, f64(21.5));
      const ddata = await host.until(to("DDATA", name), "DDATA");
      assertEquals(ddata.metrics.map((one) => [one.alias, one.value]), [[
        metric(dbirth, "temperature")?.alias,
        21.5,
      ]]);
      for (const text of ["1", "2", "3"]) await device.publish(2, text);
      const alarm = metric(dbirth, "alarm")?.alias;
      await host.until(
        ({ metrics }) => metrics.some(({ alias, value }) => alias === alarm && value === "3"),
        "the events",
      );
      const events = host.of("DDATA").flatMap(({ metrics }) => metrics).filter(({ alias }) =>
        alias === alarm
      );
      assertEquals(events.map(({ value }) => value), ["1", "2", "3"]);
      await host.command(`spBv1.0/plant/DCMD/gw/${name}`, {
        alias: metric(dbirth, "target")?.alias,
        double_value: 7.25,
      });
      const received = await device.until(() => device.received[0], "the desired value");
      assertEquals(new Float64Array(received.payload.slice().buffer)[0], 7.25);
      // A host that comes later finds the state retained, as on every broker.
      await using later = await MosquittoSub.start(
        { port: gateway.mqttPort, user: "later", password: gateway.token },
        "spBv1.0/STATE/#",
      );
      await later.until((line) => line.startsWith('spBv1.0/STATE/scada {"online":true'));
      await host.state("scada", false, Date.now() + 1);
      await host.until(to("NDEATH", "gw"), "NDEATH");
      const before = host.caught.length;
      await host.state("scada", true, Date.now() + 2);
      await host.until(to("NBIRTH", "gw"), "the next NBIRTH", before);
      assertEquals(host.caught.filter(({ problem }) => problem), []);
    },
  );

  // How connections end is the runtime's: hosted_node_test.ts ends a gateway of Deno's.
  if (form.name === "Bun, source") {
    alone(
      "a host hears of the gateway's end, and after kill -9 the next birth is of a new connection",
      async (start) => {
        const args = ["--mqtt-sparkplug", "plant/gw"];
        const birth = async (host: SparkplugHost) => {
          await host.command("spBv1.0/plant/NCMD/gw", { name: "Node Control/Rebirth", boolean_value: true });
          return metric(await host.until(to("NBIRTH", "gw"), "NBIRTH"), "bdSeq")?.value;
        };
        let gateway = await start({ args });
        const { data } = gateway;
        {
          await using host = await SparkplugHost.start(gateway.mqttPort, gateway.token);
          assertEquals(await birth(host), 0);
          await gateway.stop();
          const death = await host.until(to("NDEATH", "gw"), "NDEATH");
          assertEquals(death.metrics.map(({ name, value }) => [name, value]), [["bdSeq", 0]]);
          assertEquals(host.of("NDEATH").length, 1);
        }
        gateway = await start({ args, data });
        {
          await using host = await SparkplugHost.start(gateway.mqttPort, gateway.token);
          assertEquals(await birth(host), 1);
          await gateway.kill();
        }
        gateway = await start({ args, data });
        await using host = await SparkplugHost.start(gateway.mqttPort, gateway.token);
        assertEquals(await birth(host), 2);
        // Nobody could send the will of the broker that was killed, and nobody sends it later.
        assertEquals(host.of("NDEATH"), []);
      },
    );
  }

  alone(
    "who may not see or write everything neither hears Sparkplug's topics nor speaks on them",
    async (start) => {
      const gateway = await start({ args: ["--mqtt-sparkplug", "plant/gw"] });
      const { mqttPort: port } = gateway;
      await using host = await SparkplugHost.start(port, gateway.token);
      await host.command("spBv1.0/plant/NCMD/gw", { name: "Node Control/Rebirth", boolean_value: true });
      await host.until(to("NBIRTH", "gw"), "NBIRTH");
      const { token: password } = await operator.dashboardToken(gateway, {
        read: ["pump/#"],
        write: ["pump/#"],
      });
      await using sub = await MosquittoSub.start({ port, user: "spy", password }, "#");
      await mosquittoPub({ port, user: "spy", password }, "spBv1.0/plant/NCMD/gw", "forged");
      const name = uniqueName("mq");
      const device = { port, user: name, password: await operator.addDevice(gateway, name) };
      await mosquittoPub(device, "spBv1.0/plant/NDEATH/gw", "forged");
      await mosquittoPub({ port, user: "op", password: gateway.token }, "spBv1.0/plant/NDATA/other", "");
      await host.until(to("NDATA", "other"), "a message of an operator's");
      assertEquals(host.caught.filter(({ problem, topic }) => problem && !topic.endsWith("/other")), []);
      assertEquals(host.of("NDEATH"), []);
      assertEquals(sub.lines.filter((line) => line.startsWith("spBv1.0/")), []);
    },
  );
});
