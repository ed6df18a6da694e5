/** The embedded broker, with mosquitto's clients and against every shipped form. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import mqtt from "mqtt";
import { MAX_FILTERS } from "../../mqtt/broker/peer.ts";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";
import { mosquittoPub, MosquittoSub } from "./mosquitto.ts";

const ROOT = "tidegate/+";

eachForm(({ test, alone }) => {
  test("mosquitto_sub sees what a WebSocket device sends, the newest value first", async (gateway) => {
    const name = uniqueName("ws");
    const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
    await device.advertise(
      { channel: 1, topic: "temperature", encoding: "f64", unit: "°C" },
      { channel: 2, topic: "door", encoding: "json", class: "event" },
    );
    await device.publish(1, new Uint8Array(new Float64Array([21.5]).buffer));
    await device.publish(2, '{"open":true}');
    await device.until(() => device.acked.get(2) === 1, "the event's acknowledgement");
    const login = { port: gateway.mqttPort, user: "wall", password: gateway.token, args: ["-q", "1"] };
    await using sub = await MosquittoSub.start(login, `${ROOT}/${name}/#`);
    await sub.until((line) => line.endsWith(`/${name}/temperature 21.5`));
    await sub.until((line) => line.includes(`/${name}/$status {"online":true`));
    await device.publish(1, new Uint8Array(new Float64Array([22.25]).buffer));
    await device.publish(2, '{"open":false}');
    await sub.until((line) => line.endsWith(`/${name}/temperature 22.25`));
    await sub.until((line) => line.endsWith(`/${name}/door {"open":false}`));
    assert(!sub.lines.some((line) => line.includes('{"open":true}')), "an event is not retained");
  });

  test("mosquitto_pub makes a device appear, live and on record", async (gateway) => {
    const name = uniqueName("mq");
    const token = await operator.addDevice(gateway, name);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    const login = { port: gateway.mqttPort, user: name, password: token };
    assertEquals((await mosquittoPub(login, `${name}/temperature`, "19.5")).code, 0);
    await dashboard.expectValue(`${name}/temperature`, "19.5");
    assertEquals(dashboard.announced(`${name}/temperature`)?.encoding, "json");
    await dashboard.until(
      () =>
        dashboard.samples.some((one) =>
          one.topic === `${name}/$status` && text(one.payload).includes("false")
        ),
      "that the device left",
    );
    const [session] = await operator.sessions(gateway, { device: name });
    assertEquals(session?.["transport"], "mqtt");
    assertEquals(session?.["endReason"], "normal");
  });

  test("an operator sees the session of an MQTT device among those that are open", async (gateway) => {
    const name = uniqueName("mq");
    const password = await operator.addDevice(gateway, name);
    const url = `mqtt://127.0.0.1:${gateway.mqttPort}`;
    const client = await mqtt.connectAsync(url, { username: name, password });
    await client.publishAsync(`${name}/temperature`, "19.5", { qos: 1 });
    const listed = await operator.transportOf(gateway, name);
    assertEquals([listed?.["role"], listed?.["mode"], listed?.["webrtc"]], ["device", "mqtt", null]);
    await client.endAsync();
  });

  test("a client's filters beyond the limit are refused one by one, and those it gives back make room", async (gateway) => {
    const url = `mqtt://127.0.0.1:${gateway.mqttPort}`;
    const client = await mqtt.connectAsync(url, { username: "wall", password: gateway.token });
    const filters = Array.from({ length: MAX_FILTERS }, (_, i) => `tidegate/+/pump-${i}/#`);
    const granted = async (filter: string[]) =>
      (await client.subscribeAsync(filter).catch(() => [])).map(({ qos }) => qos);
    assertEquals(await granted(filters), filters.map(() => 0));
    assertEquals(await granted(["tidegate/+/one-more/#"]), []);
    await client.unsubscribeAsync(filters[0]!);
    assertEquals(await granted(["tidegate/+/one-more/#"]), [0]);
    await client.endAsync();
  });

  test("a flood at QoS 0 is on record whole, and what a dashboard is spared is counted", async (gateway) => {
    const messages = 20_000;
    const name = uniqueName("mq");
    const login = { port: gateway.mqttPort, user: name, password: await operator.addDevice(gateway, name) };
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/flood`]);
    const lines = Array.from({ length: messages }, (_, i) => `${i + 1}\n`).join("");
    assertEquals((await mosquittoPub(login, `${name}/flood`, { lines })).code, 0);
    await dashboard.expectValue(`${name}/flood`, String(messages));
    const seen = dashboard.samples.filter(({ topic }) => topic === `${name}/flood`).length;
    const spared = await dashboard.until(() => {
      const skipped = dashboard.inbox.findLast((message) => message.type === "skipped");
      const told = skipped?.counts["conflated"] ?? 0;
      return seen + told >= messages ? { told } : undefined;
    }, `${messages - seen} samples to be told as skipped`);
    assertEquals(seen + spared.told, messages);
    const topic = encodeURIComponent(`${name}/flood`);
    const { total } = await operator.get(gateway, `/v1/topics/${topic}/history?maxPoints=10`);
    assertEquals(total, messages);
  });

  test("a topic that was made for another broker becomes a channel of the device", async (gateway) => {
    const name = uniqueName("mq");
    const login = { port: gateway.mqttPort, user: name, password: await operator.addDevice(gateway, name) };
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    assertEquals((await mosquittoPub(login, "tele/plug/STATE", '{"POWER":"ON"}')).code, 0);
    await dashboard.expectValue(`${name}/tele/plug/STATE`, '{"POWER":"ON"}');
  });

  test("a wrong token, another device's name and no password are refused", async (gateway) => {
    const name = uniqueName("mq");
    const token = await operator.addDevice(gateway, name);
    const { mqttPort: port } = gateway;
    for (
      const login of [
        { port, user: name, password: `${token.slice(0, -4)}AAAA` },
        { port, user: "another", password: token },
        { port, user: name },
      ]
    ) {
      const { code, said } = await mosquittoPub(login, `${name}/x`, "1");
      assertEquals(code, 4, said);
      assertStringIncludes(said, "bad user name or password");
    }
  });

  test("a device cannot write or read what belongs to another one", async (gateway) => {
    const [mine, other] = [uniqueName("mq"), uniqueName("mq")];
    const token = await operator.addDevice(gateway, mine);
    const theirs = await DevicePeer.connect(gateway, await operator.addDevice(gateway, other));
    await theirs.advertise({ channel: 1, topic: "secret", encoding: "utf8" });
    await theirs.publish(1, "hidden");
    const login = { port: gateway.mqttPort, user: mine, password: token };
    await using sub = await MosquittoSub.start(login, "tidegate/#");
    const gatewayId = String((await operator.get(gateway, "/v1/status"))["gateway"]);
    await mosquittoPub(login, `tidegate/${gatewayId}/${other}/secret`, "forged");
    await mosquittoPub(login, `${mine}/own`, "1");
    await sub.until((line) => line.endsWith(`/${mine}/own 1`));
    assert(!sub.lines.some((line) => line.includes(other)), sub.lines.join("\n"));
  });

  test("an operator writes to a device over MQTT, and the device gets it", async (gateway) => {
    const name = uniqueName("ws");
    const device = await DevicePeer.connect(gateway, await operator.addDevice(gateway, name));
    await device.advertise({ channel: 1, topic: "setpoint", encoding: "f64", writable: true });
    const gatewayId = String((await operator.get(gateway, "/v1/status"))["gateway"]);
    const login = { port: gateway.mqttPort, user: "op", password: gateway.token };
    await mosquittoPub(login, `tidegate/${gatewayId}/${name}/setpoint/set`, "42.5");
    const received = await device.until(() => device.received[0], "the desired value");
    assertEquals(new Float64Array(received.payload.slice().buffer)[0], 42.5);
  });

  test("an MQTT device that subscribes to its …/set is written to by a dashboard", async (gateway) => {
    const name = uniqueName("mq");
    const login = { port: gateway.mqttPort, user: name, password: await operator.addDevice(gateway, name) };
    await using sub = await MosquittoSub.start(login, `${name}/relay/set`);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    await dashboard.until(() => dashboard.announced(`${name}/relay/set`), "the writable topic");
    await operator.post(gateway, `/v1/topics/${encodeURIComponent(`${name}/relay/set`)}`, true);
    await sub.until((line) => line === `${name}/relay/set true`);
  });

  test("MQTT.js over WebSocket at /mqtt is a device and a subscriber, large messages included", async (gateway) => {
    const name = uniqueName("mq");
    const client = await mqtt.connectAsync(`${gateway.url.replace("http", "ws")}/mqtt`, {
      username: name,
      password: await operator.addDevice(gateway, name),
      reconnectPeriod: 0,
    });
    const received = Promise.withResolvers<[topic: string, payload: string]>();
    client.on("message", (topic, payload) => {
      if (topic.endsWith("/big")) received.resolve([topic, payload.toString()]);
    });
    await client.subscribeAsync(`tidegate/+/${name}/#`, { qos: 1 });
    const big = JSON.stringify("x".repeat(100_000));
    await client.publishAsync(`${name}/big`, big, { qos: 1 });
    const [topic, payload] = await received.promise;
    assertStringIncludes(topic, `/${name}/big`);
    assertEquals(payload, big);
    await client.endAsync();
  });

  test("the last will of a client that vanishes is recorded, and the device is offline", async (gateway) => {
    const name = uniqueName("mq");
    const token = await operator.addDevice(gateway, name);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/#`]);
    const will = ["--will-topic", `${name}/state`, "--will-payload", "gone"];
    const login = { port: gateway.mqttPort, user: name, password: token };
    {
      await using sub = await MosquittoSub.start({ ...login, args: will }, `${name}/relay/set`);
      await dashboard.until(() => dashboard.announced(`${name}/relay/set`), "the device");
      assertEquals(sub.lines.length > 0, true);
    }
    await dashboard.expectValue(`${name}/state`, "gone");
    await dashboard.until(
      () => dashboard.samples.some((one) => text(one.payload).includes('"reason":"connection_lost"')),
      "that the device is offline",
    );
  });

  test("nobody can listen to what other clients publish at QoS 2, or to the broker's own topics", async (gateway) => {
    const name = uniqueName("mq");
    const login = { port: gateway.mqttPort, user: name, password: await operator.addDevice(gateway, name) };
    const { token: password } = await operator.dashboardToken(gateway, { read: ["nothing/#"] });
    await using sub = await MosquittoSub.start(
      { port: gateway.mqttPort, password, user: "spy" },
      "$tidegate/#",
      "$SYS/#",
      "#",
    );
    for (const qos of ["0", "1", "2"]) {
      const { code } = await mosquittoPub({ ...login, args: ["-q", qos] }, `${name}/secret`, `hidden ${qos}`);
      assertEquals(code, 0);
    }
    // Round the whole broker once more, so that what came before is here.
    await using again = await MosquittoSub.start({ port: gateway.mqttPort, password, user: "spy" }, "other");
    assertEquals(again.lines.some((line) => line.includes("hidden")), false);
    assertEquals(sub.lines.filter((line) => !line.startsWith("Subscribed")), []);
  });

  alone(
    "an event at QoS 1 is acknowledged once it is on disk: a gateway killed then has it",
    async (start) => {
      const gateway = await start({ args: ["--mqtt-event-topics", "+/alarm"] });
      const name = uniqueName("mq");
      const login = {
        port: gateway.mqttPort,
        user: name,
        password: await operator.addDevice(gateway, name),
        args: ["-q", "1"],
      };
      for (let i = 1; i <= 5; i++) {
        assertEquals((await mosquittoPub(login, `${name}/alarm`, String(i))).code, 0);
      }
      await gateway.kill();
      await using again = await gateway.restart();
      const topic = encodeURIComponent(`${name}/alarm`);
      const series = await operator.get(again, `/v1/topics/${topic}/history?downsampling=none`);
      assertEquals(
        (series["points"] as { value: number }[]).map(({ value }) => value),
        [1, 2, 3, 4, 5],
      );
    },
  );

  alone("a taken port is passed over, with a line that says so", async (start) => {
    const first = await start();
    const second = await start({ args: ["--mqtt-listen", `127.0.0.1:${first.mqttPort}`] });
    assert(second.mqttPort !== first.mqttPort && second.mqttPort > 0);
    await second.says(new RegExp(`port ${first.mqttPort} is taken`));
  });

  alone("without anonymous access nothing is read; with it a client is what it says it is", async (start) => {
    const gateway = await start({ args: ["--mqtt-anonymous"] });
    await using sub = await MosquittoSub.start({ port: gateway.mqttPort }, "tidegate/#");
    await mosquittoPub({ port: gateway.mqttPort, args: ["-i", "sensor-7"] }, "sensor-7/temperature", "4");
    await sub.until((line) => line.endsWith("/sensor-7/temperature 4"));
  });
});

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
