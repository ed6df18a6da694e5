/** An edge node of another maker on the embedded broker: its metrics are the gateway's topics, for everybody. */
import { assertEquals } from "@std/assert";
import { eachForm, uniqueName } from "../../support/each_form.ts";
import { operator } from "../../support/operator.ts";
import { MosquittoBroker, mosquittoPub, MosquittoSub } from "../mosquitto.ts";
import { ForeignNode } from "./foreign_node.ts";
import { metric, SparkplugHost, verbOf } from "./host.ts";

const birth = (bdSeq: number) => ({
  timestamp: Date.now(),
  seq: 0,
  metrics: [{ name: "bdSeq", datatype: 4, long_value: bdSeq }, {
    name: "Node Control/Rebirth",
    datatype: 11,
    boolean_value: false,
  }],
});

const press = (seq: number) => ({
  timestamp: Date.now(),
  seq,
  metrics: [
    { name: "temperature", alias: 1, datatype: 9, float_value: 20.5, properties: { engUnit: "°C" } },
    { name: "target", alias: 2, datatype: 10, double_value: 30, properties: { readOnly: false } },
  ],
});

const temperature = (seq: number, value: number) => ({
  timestamp: Date.now(),
  seq,
  metrics: [{ alias: 1, float_value: value }],
});

eachForm(({ form, alone }) => {
  // A bundle on the one runtime and an executable of the other: what they are made of runs alike from source.
  const packed = form.name === "Deno, bundle" || form.name === "Bun, executable";
  if (!packed && form.name !== "Deno, source") return;
  if (packed) {
    alone(
      "an edge node's metrics are live, can be written, and are offline with its death; its gaps ask for a rebirth",
      async (start) => {
        const line = uniqueName("line");
        const gateway = await start({
          args: [
            "--mqtt-name",
            "gw",
            "--mqtt-sparkplug",
            "plant/gw",
            "--mqtt-sparkplug-nodes",
            `${line}=plant/n`,
          ],
        });
        const { mqttPort: port, token } = gateway;
        const password = await operator.addDevice(gateway, line);
        await using sub = await MosquittoSub.start(
          { port, user: "op", password: token },
          `tidegate/gw/${line}/#`,
        );
        await using host = await SparkplugHost.start(port, token);
        const own = `tidegate/gw/${line}`;
        const is = (topic: string, text: string) =>
          sub.until((row) => row.startsWith(`${own}/${topic} ${text}`));

        await using node = await ForeignNode.connect({
          port,
          username: line,
          password,
          id: "plant/n",
          bdSeq: 3,
        });
        await node.until("spBv1.0/STATE/gw", '{"online":true,"timestamp":');
        await node.publish(
          { verb: "NBIRTH", payload: birth(3) },
          { verb: "DBIRTH", device: "press", payload: press(1) },
          { verb: "DDATA", device: "press", payload: temperature(2, 21.1) },
        );
        await is("press/$status", '{"online":true}');
        await is("press/temperature", "20.5");
        await is("press/temperature", "21.1");

        // Hosts have it as a device of the gateway's.
        const dbirth = await host.until(
          (message) => verbOf(message) === "DBIRTH" && metric(message, "press/temperature") !== undefined,
          "a birth of the gateway's with the node's metric",
        );
        assertEquals(dbirth.topic, `spBv1.0/plant/DBIRTH/gw/${line}`);
        assertEquals(host.caught.filter(({ topic }) => topic.includes("/n/") || topic.endsWith("/n")), []);

        await mosquittoPub({ port, user: "op", password: token }, `${own}/press/target/cmd`, "7.25");
        const dcmd = await node.until("spBv1.0/plant/DCMD/n/press");
        assertEquals(dcmd.metrics.map(({ name, datatype, value }) => [name, datatype, value]), [[
          "target",
          10,
          7.25,
        ]]);

        await node.publish({ verb: "DDATA", device: "press", payload: temperature(9, 22) });
        const ncmd = await node.until("spBv1.0/plant/NCMD/n");
        assertEquals(ncmd.metrics.map(({ name, value }) => [name, value]), [["Node Control/Rebirth", true]]);
        node.cut();
        await is("press/$status", '{"online":false,"reason":"NDEATH"}');
        await is("$status", '{"online":false,"reason":"NDEATH"}');
      },
    );
  }

  if (packed) return;
  alone(
    "a node on an outside broker is asked for its birth, live, written, and gone with its death",
    async (start) => {
      await using broker = await MosquittoBroker.start();
      const { port } = broker;
      await using node = await ForeignNode.connect({ port, id: "plant/n", bdSeq: 0 });
      await using sub = await MosquittoSub.start({ port }, "tidegate/#");
      const sparkplugNodes = [{ device: "line", group: "plant", node: "n" }];
      const bridge = { url: `mqtt://127.0.0.1:${port}`, version: 4, sparkplugNodes };
      const gateway = await start({
        args: ["--mqtt-name", "gw", "--mqtt-bridges", JSON.stringify([bridge])],
      });
      const is = (topic: string, text: string) =>
        sub.until((row) => row.startsWith(`tidegate/gw/line/${topic} ${text}`));
      const ncmd = await node.until("spBv1.0/plant/NCMD/n");
      assertEquals(ncmd.metrics.map(({ name, value }) => [name, value]), [["Node Control/Rebirth", true]]);
      await node.publish(
        { verb: "NBIRTH", payload: birth(0) },
        { verb: "DBIRTH", device: "press", payload: press(1) },
        { verb: "DDATA", device: "press", payload: temperature(2, 21.1) },
      );
      await is("$status", '{"online":true,"transport":"mqtt"}');
      await is("press/$status", '{"online":true}');
      await is("press/temperature", "21.1");
      await mosquittoPub({ port }, "tidegate/gw/line/press/target/cmd", "7.25");
      const dcmd = await node.until("spBv1.0/plant/DCMD/n/press");
      assertEquals(dcmd.metrics.map(({ name, datatype, value }) => [name, datatype, value]), [[
        "target",
        10,
        7.25,
      ]]);
      node.cut();
      await is("press/$status", '{"online":false,"reason":"NDEATH"}');
      await is("$status", '{"online":false,"reason":"NDEATH"}');
      assertEquals(gateway.diagnosis().split("\n").filter((line) => line.includes("dropped")), []);
    },
  );

  alone("a device publishes as the node that it was given and as no other", async (start) => {
    const [line, other] = [uniqueName("line"), uniqueName("other")];
    const gateway = await start({ args: ["--mqtt-name", "gw", "--mqtt-sparkplug-nodes", `${line}=plant/n`] });
    const { mqttPort: port, token } = gateway;
    const login = { port, username: line, password: await operator.addDevice(gateway, line), bdSeq: 0 };
    await using sub = await MosquittoSub.start({ port, user: "op", password: token }, "tidegate/gw/#");
    await using node = await ForeignNode.connect({ ...login, id: "plant/n" });
    await using forger = await ForeignNode.connect({ ...login, id: "plant/n" });
    forger.login.id = "plant/m";
    await forger.publish({ verb: "NBIRTH", payload: birth(0) }, {
      verb: "NDATA",
      payload: temperature(1, 1),
    });
    // Its session is there, so that the node's takes its place and not the other way round.
    await sub.until((row) => row.startsWith(`tidegate/gw/${line}/$status {"online":true`));
    const raw = { port, user: other, password: await operator.addDevice(gateway, other) };
    await mosquittoPub(raw, "spBv1.0/plant/NDEATH/n", "as it came");
    await sub.until((row) => row === `tidegate/gw/${other}/spBv1.0/plant/NDEATH/n as it came`);
    await node.publish({ verb: "NBIRTH", payload: birth(0) });
    await sub.until((row) => row === `tidegate/gw/${line}/Node Control/Rebirth false`);
    assertEquals(sub.lines.filter((row) => row.includes(line) && !/\$status|Rebirth/.test(row)), []);
    await gateway.stop();
    await node.until("spBv1.0/STATE/gw", '{"online":false,"timestamp":');
  });
});
