/** Bridges over every way to a broker, and brokers that fail in every way: events in are events out. */
import { assert, assertEquals } from "@std/assert";
import { eachForm, packedAlike, uniqueName } from "../support/each_form.ts";
import { request } from "../support/operator.ts";
import { Authority } from "./certificates.ts";
import { assertComplete, bridges, eventDevice, numbersIn, sendEvents, SILENT } from "./event_device.ts";
import { freePort } from "./free_port.ts";
import { DURABLE, MosquittoBroker, MosquittoSub } from "./mosquitto.ts";
import { ready } from "./readiness.ts";
import { SlowProxy } from "./slow_proxy.ts";

const SOAK = Deno.env.get("TIDEGATE_SOAK") !== undefined;

/** Answers of the slow broker come this late, in milliseconds. */
const SLOW_MS = 100;

eachForm(({ form, alone }) => {
  // Brokers do not see how the program is packed.
  if (packedAlike(form)) return;

  alone("events at QoS 2 arrive across a restart of the broker", async (start) => {
    await using broker = await MosquittoBroker.start(DURABLE);
    const url = `mqtt://127.0.0.1:${broker.port}`;
    // A session that the broker keeps holds what was under way at QoS 2, too.
    const args = [...bridges({ url, clean: false, rules: [{ eventQos: 2 }] }), "--mqtt-name", "gw"];
    const gateway = await start({ args });
    const name = uniqueName("dev");
    const device = await eventDevice(gateway, name);
    // In MQTT 5 mosquitto_sub 2.0 gives up at QoS 2 with a protocol error of its own.
    const login = { port: broker.port, args: ["-q", "2", "-c", "-i", "independent", "-V", "311"] };
    await using sub = await MosquittoSub.start(login, `tidegate/gw/${name}/event`);
    await sendEvents(device, 1, 300);
    await sub.until((line) => line.endsWith("/event 300"));
    assertEquals(assertComplete(numbersIn(sub, name), 300), 0);
    const sending = sendEvents(device, 301, 600);
    await broker.stop();
    await sending;
    await broker.restart();
    await sub.until((line) => line.endsWith("/event 600"));
    const repeated = assertComplete(numbersIn(sub, name), 600);
    console.log(`${form.name}: 600 events at QoS 2, one restart, 0 lost, ${repeated} repeated`);
  });

  alone("a bridge over ws and one over wss carry events", async (start) => {
    const authority = await Authority.make("Broker's authority");
    const { cert, key } = await authority.issue("localhost");
    const folder = await Deno.makeTempDir({ prefix: "tidegate-wss-" });
    for (const [file, text] of Object.entries({ ca: authority.pem, cert, key })) {
      await Deno.writeTextFile(`${folder}/${file}.pem`, text);
    }
    const [ws, wss] = [freePort(), freePort()];
    await using broker = await MosquittoBroker.start([
      "allow_anonymous true",
      `listener ${ws} 127.0.0.1`,
      "protocol websockets",
      `listener ${wss} 127.0.0.1`,
      "protocol websockets",
      `certfile ${folder}/cert.pem`,
      `keyfile ${folder}/key.pem`,
    ]);
    const gateway = await start({
      args: [
        ...bridges(
          { name: "ws", url: `ws://127.0.0.1:${ws}/mqtt` },
          {
            name: "wss",
            url: `wss://localhost:${wss}/mqtt`,
            caFile: `${folder}/ca.pem`,
            version: 4,
            clientId: "second",
          },
        ),
        "--mqtt-name",
        "gw",
      ],
    });
    await ready(gateway);
    const name = uniqueName("dev");
    await using sub = await MosquittoSub.start(
      { port: broker.port, args: ["-q", "1"] },
      `tidegate/gw/${name}/event`,
    );
    const device = await eventDevice(gateway, name);
    await sendEvents(device, 1, 200);
    let last = 0;
    await sub.until((line) => line.endsWith("/event 200") && ++last === 2);
    assertEquals(assertComplete(numbersIn(sub, name), 200), 200); // each by both bridges
  });

  alone("a broker that acknowledges slowly gets every event, the window full and no more", async (start) => {
    await using broker = await MosquittoBroker.start();
    await using slow = new SlowProxy(broker.port, SLOW_MS);
    const window = 40;
    const bridge = { url: `mqtt://127.0.0.1:${slow.port}`, version: 4, window };
    const gateway = await start({ args: [...bridges(bridge), "--mqtt-name", "gw"] });
    await ready(gateway);
    const name = uniqueName("dev");
    await using sub = await MosquittoSub.start(
      { port: broker.port, args: ["-q", "1"] },
      `tidegate/gw/${name}/#`,
    );
    const device = await eventDevice(gateway, name);
    const events = 10 * window;
    slow.hold();
    await sendEvents(device, 1, events);
    assertEquals(await metric(gateway.url, gateway.token, "tidegate_mqtt_bridge_under_way"), window);
    // States are not held up by acknowledgements.
    await device.publish(2, new Uint8Array(new Float64Array([2.5]).buffer));
    await sub.until((line) => line.endsWith("/level 2.5"));
    assert(numbersIn(sub, name).length <= window);
    slow.release();
    await sub.until((line) => line.endsWith(`/event ${events}`));
    assertEquals(assertComplete(numbersIn(sub, name), events), 0);

    async function metric(url: string, token: string, named: string): Promise<number> {
      const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
      const line = (await answer.text()).split("\n").find((one) => one.startsWith(named));
      return Number(line?.split(" ").at(-1));
    }
  });

  alone("a broker killed under load gets every event that it had not passed on", async (start) => {
    const rounds = SOAK ? 100 : 2;
    // What it has acknowledged it has handed to its subscriber's socket, which outlives it, and the session is on disk.
    // The subscriber must not answer: a broker that is killed with answers unread resets the connection, and
    // mosquitto_sub gives up what it has not read by then.
    await using broker = await MosquittoBroker.start([
      ...DURABLE,
      "autosave_on_changes true",
      "autosave_interval 1",
      "max_inflight_messages 0",
      "queue_qos0_messages true",
    ]);
    const bridge = { url: `mqtt://127.0.0.1:${broker.port}`, version: 4, window: 64 };
    const gateway = await start({ args: [...bridges(bridge), "--mqtt-name", "gw"] });
    await ready(gateway);
    const name = uniqueName("dev");
    const device = await eventDevice(gateway, name);
    await using sub = await MosquittoSub.start(
      { port: broker.port, args: SILENT },
      `tidegate/gw/${name}/event`,
    );
    let sent = 0;
    for (let round = 0; round < rounds; round++) {
      const sending = sendEvents(device, sent + 1, sent + 400);
      const reached = sent + 50;
      await sub.until((line) => line.endsWith(`/event ${reached}`));
      await broker.kill();
      await sending;
      sent += 400;
      await broker.restart();
      await sub.until((line) => line.endsWith(`/event ${sent}`));
    }
    const repeated = assertComplete(numbersIn(sub, name), sent);
    console.log(`${form.name}: ${sent} events, broker killed ${rounds} times, 0 lost, ${repeated} repeated`);
    assertEquals((await request(gateway, "GET", "/readyz")).status, 200);
  });
});
