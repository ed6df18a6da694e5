/** Sessions of the embedded broker's clients that outlive their connections, with mosquitto_sub and MQTT.js. */
import { assert, assertEquals } from "@std/assert";
import mqtt, { type MqttClient } from "mqtt";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { DEADLINE_MS, DevicePeer } from "../support/peer.ts";
import { assertComplete, eventDevice, numbersIn, sendEvents } from "./event_device.ts";
import { MosquittoSub } from "./mosquitto.ts";

/** Connections that are cut in one test. */
const CUTS = 5;

/** Events between two cuts. */
const BETWEEN = 200;

eachForm(({ test, alone }) => {
  test("what came while mosquitto_sub -c was away comes when it is back, states as their newest value", async (gateway) => {
    const name = uniqueName("away");
    const device = await eventDevice(gateway, name);
    const { token: password } = await operator.dashboardToken(gateway);
    const args = ["-q", "1", "-c", "-i", `wall-${name}`];
    const login = { port: gateway.mqttPort, user: "wall", password, args };
    const filter = `tidegate/+/${name}/#`;
    const numbers: number[] = [];
    {
      await using sub = await MosquittoSub.start(login, filter);
      await sendEvents(device, 1, 3);
      await device.publish(2, level(1));
      await sub.until((line) => line.endsWith("/event 3"));
      await sub.until((line) => line.endsWith("/level 1"));
      numbers.push(...numbersIn(sub, name));
    }
    await sendEvents(device, 4, 500);
    for (const value of [2, 3, 4]) await device.publish(2, level(value));
    await device.settle();
    await using sub = await MosquittoSub.start(login, filter);
    await sub.until((line) => line.endsWith("/event 500"));
    await sub.until((line) => line.endsWith("/level 4"));
    await sendEvents(device, 501, 510);
    await sub.until((line) => line.endsWith("/event 510"));
    const again = assertComplete([...numbers, ...numbersIn(sub, name)], 510);
    assert(
      again <= 3,
      `${again} events came again, of the three whose acknowledgement the kill may have cost`,
    );
    assert(!sub.lines.some((line) => /\/level [23]$/.test(line)), "states are not kept one by one");
  });

  test("with its connection cut again and again a client gets every event, and subscribes only once", async (gateway) => {
    const name = uniqueName("cut");
    const device = await operator.addDevice(gateway, name);
    const client = new Returning((await operator.dashboardToken(gateway)).token, `cut-${name}`);
    assertEquals(await client.connect(gateway), false);
    await client.subscribe(`tidegate/+/${name}/event`);
    for (let cut = 0; cut < CUTS; cut++) {
      const sent = send(gateway, device, cut * BETWEEN + 1, (cut + 1) * BETWEEN);
      await client.until(cut * BETWEEN + 1);
      await client.cut();
      assertEquals(await client.connect(gateway), true);
      await sent;
    }
    await client.until(CUTS * BETWEEN);
    const again = assertComplete(client.numbers, CUTS * BETWEEN);
    assert(again <= client.repeated, `${again} came again, ${client.repeated} were marked as sent before`);
    await client.end();
  });

  test("UNSUBSCRIBE, a clean session and a revoked token end what was kept", async (gateway) => {
    const name = uniqueName("end");
    const device = await operator.addDevice(gateway, name);
    const { id, token } = await operator.dashboardToken(gateway);
    const client = new Returning(token, `end-${name}`);
    const filter = `tidegate/+/${name}/event`;
    await client.connect(gateway);
    await client.subscribe(filter);
    assertEquals(
      await client.subscribe(`tidegate/+/${name}/other`, 2),
      1,
      "QoS 2 is not promised over a break",
    );
    await client.unsubscribe(filter);
    await client.end();
    await send(gateway, device, 1, 3);
    assertEquals(await client.connect(gateway), true);
    await client.subscribe(filter);
    await send(gateway, device, 4, 5);
    await client.until(5);
    assertEquals(client.numbers, [4, 5]);
    await client.end();
    assertEquals(await client.connect(gateway, true), false);
    await client.end();
    assertEquals(await client.connect(gateway), false, "a clean session ended the kept one");
    await client.subscribe(filter);
    const other = new Returning((await operator.dashboardToken(gateway)).token, `end-${name}`);
    assertEquals(await other.connect(gateway), false, "another token's client of the same name has its own");
    await other.end();
    const ended = await revokedSessions(gateway);
    await operator.revokeToken(gateway, id);
    assertEquals(await revokedSessions(gateway), ended + 1);
  });

  alone(
    "a session survives kill -9 of the gateway, in mid-flow",
    async (start) => {
      const first = await start();
      const name = uniqueName("killed");
      const device = await operator.addDevice(first, name);
      const { token } = await operator.dashboardToken(first);
      const client = new Returning(token, "logger");
      assertEquals(await client.connect(first), false);
      await client.subscribe(`tidegate/+/${name}/event`);
      await send(first, device, 1, 50);
      await client.until(50);
      await client.end();
      await send(first, device, 51, 2_000);
      assertEquals(await client.connect(first), true);
      // It is being read from the recording.
      await client.until(200);
      await first.kill();
      await client.lost();
      await using second = await first.restart();
      await send(second, device, 2_001, 2_100);
      assertEquals(await client.connect(second), true);
      await client.until(2_100);
      const again = assertComplete(client.numbers, 2_100);
      assert(again <= 2_000, `${again} came again`);
      await client.end();
    },
  );
});

/** An MQTT.js client that asks for a session that is kept, and subscribes only when it is told to. */
class Returning {
  /** Event numbers as they came. */
  readonly numbers: number[] = [];
  /** Events that came marked as sent before. */
  repeated = 0;
  #client: MqttClient | undefined;
  #came = Promise.withResolvers<void>();

  constructor(readonly token: string, readonly id: string) {}

  /** Connects; resolves with whether there was a session. */
  async connect(gateway: GatewayProcess, clean = false): Promise<boolean> {
    const client = mqtt.connect(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
      username: "test",
      password: this.token,
      clientId: this.id,
      clean,
      reconnectPeriod: 0,
    });
    this.#client = client;
    client.on("error", () => {}); // its close follows
    client.on("message", (_, payload, packet) => {
      this.numbers.push(Number(payload));
      if (packet.dup) this.repeated++;
      this.#came.resolve();
      this.#came = Promise.withResolvers();
    });
    return await new Promise((told, failed) => {
      client.once("connect", (packet) => told(packet.sessionPresent));
      client.once("error", failed);
      client.once("close", () => failed(new Error("the connection ended before CONNACK")));
    });
  }

  /** Subscribes; resolves with the quality of service that is granted. */
  async subscribe(filter: string, qos: 1 | 2 = 1): Promise<number | undefined> {
    return (await this.#client!.subscribeAsync(filter, { qos }))[0]?.qos;
  }

  async unsubscribe(filter: string): Promise<void> {
    await this.#client!.unsubscribeAsync(filter);
  }

  /** Waits for the event with this number. */
  async until(number: number): Promise<void> {
    const late = AbortSignal.timeout(DEADLINE_MS);
    late.addEventListener("abort", () => this.#came.resolve());
    while (!this.numbers.includes(number)) {
      if (late.aborted) {
        throw new Error(`event ${number} did not come, the last one was ${this.numbers.at(-1)}`);
      }
      await this.#came.promise;
    }
  }

  /** Cuts the connection without a word, with whatever is under way. */
  async cut(): Promise<void> {
    const closed = this.lost();
    this.#client!.stream.destroy();
    await closed;
  }

  /** Waits until the connection is gone. */
  async lost(): Promise<void> {
    const client = this.#client!;
    if (client.connected) await new Promise<void>((gone) => client.once("close", () => gone()));
    client.end(true);
  }

  /** Says goodbye. */
  async end(): Promise<void> {
    await this.#client!.endAsync();
  }
}

/** Has a device send the events `from` to `to`, which are on disk when this resolves. */
async function send(gateway: GatewayProcess, token: string, from: number, to: number): Promise<void> {
  const device = await DevicePeer.connect(gateway, token);
  await device.advertise({ channel: 1, topic: "event", encoding: "utf8", class: "event" });
  for (let i = from; i <= to; i++) await device.publish(1, String(i));
  await device.until(() => (device.acked.get(1) ?? 0) > to - from, `events ${from} to ${to} on disk`);
  await device.leave();
}

/** Sessions that have ended with their token, as /metrics counts them. */
async function revokedSessions(gateway: GatewayProcess): Promise<number> {
  const { text } = await operator.get(gateway, "/metrics");
  return Number(
    /^tidegate_mqtt_broker_total\{reason="session_revoked"\} (\d+)$/m.exec(String(text))?.[1] ?? 0,
  );
}

function level(value: number): Uint8Array {
  return new Uint8Array(new Float64Array([value]).buffer);
}
