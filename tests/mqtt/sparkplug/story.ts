/**
 * A story that makes an edge node do all that it ever does, caught by an independent host on a real broker.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { GatewayProcess, StartOptions } from "../../support/gateway_process.ts";
import { operator } from "../../support/operator.ts";
import { DevicePeer } from "../../support/peer.ts";
import { MosquittoBroker } from "../mosquitto.ts";
import { notReady } from "../readiness.ts";
import { type Caught, metric, SparkplugHost, verbOf } from "./host.ts";

/** Group, node and primary host of the story. */
export const NODE = { group: "plant", node: "gw", primaryHost: "scada" } as const;

/** Its first device, and the one that comes and goes. */
export const PRESS = "press";
export const GUEST = "guest";

/** What was caught. */
export interface Story {
  /** Everything that the edge node published. */
  edge: Caught[];
  /** Index in `edge` when the primary host came online first. */
  hostOnlineAt: number;
  /** The births of the node that answered a rebirth request, by index. */
  rebirthAt: number;
  /** Index when an outdated death of the host was told, and when a true one was. */
  outdatedOfflineAt: number;
  offlineAt: number;
  /** Index when the gateway was killed. */
  killedAt: number;
  /** Values that the device got, and what was refused. */
  written: number[];
  refused: string[];
  /** The broker's own log. */
  brokerLog: string;
}

const bytes = (value: number) => new Uint8Array(new Float64Array([value]).buffer);

async function press(gateway: GatewayProcess, token: string): Promise<DevicePeer> {
  const device = await DevicePeer.connect(gateway, token);
  await device.advertise(
    { channel: 1, topic: "temperature", encoding: "f64", unit: "°C" },
    {
      channel: 2,
      topic: "motor",
      encoding: "struct",
      fields: [{ name: "rpm", type: "u16", unit: "1/min" }, { name: "on", type: "bool" }, {
        name: "turns",
        type: "i64",
      }],
    },
    { channel: 3, topic: "program", encoding: "utf8" },
    { channel: 4, topic: "image", encoding: "raw" },
    { channel: 5, topic: "alarm", encoding: "json", class: "event" },
    { channel: 6, topic: "target", encoding: "f64", unit: "°C", writable: true },
    { channel: 7, topic: "reset", encoding: "json", class: "event", writable: true },
  );
  return device;
}

const settings = (port: number) => [
  "--mqtt-bridges",
  JSON.stringify([{ url: `mqtt://127.0.0.1:${port}`, sparkplug: { ...NODE, maxHz: 1_000 } }]),
];

/** Plays the story. */
export async function play(start: (options?: StartOptions) => Promise<GatewayProcess>): Promise<Story> {
  await using broker = await MosquittoBroker.start();
  await using host = await SparkplugHost.start(broker.port);
  const edge = () => host.caught.filter((message) => !["STATE", "NCMD", "DCMD"].includes(verbOf(message)));
  const next = async (verb: string, after: number, wanted: (message: Caught) => boolean = () => true) =>
    await host.until((message) => verbOf(message) === verb && wanted(message), verb, after);
  const here = () => host.caught.length;
  const args = settings(broker.port);

  // The host is not there yet, another one is, and so is old news of its going.
  let gateway = await start({ args });
  const token = await operator.addDevice(gateway, PRESS);
  const device = await press(gateway, token);
  await device.publish(1, bytes(20));
  await host.state("other", true, 5_000);
  await host.state(NODE.primaryHost, false, 1_000);
  await notReady(gateway, "waits for the primary host application");
  const hostOnlineAt = edge().length;
  await host.state(NODE.primaryHost, true, 2_000);
  await next("NBIRTH", 0);
  const dbirth = await next("DBIRTH", 0);
  const alias = (name: string) => metric(dbirth, name)?.alias;

  // Data of every kind, and enough of them for the sequence to begin again.
  await device.publish(2, new Uint8Array([0xe8, 3, 1, 0xfe, 255, 255, 255, 255, 255, 255, 255]));
  await device.publish(3, "bending");
  await device.publish(4, new Uint8Array([1, 2, 255]));
  await device.publish(5, '{"code":7,"text":"hot"}');
  await next("DBIRTH", 1, ({ metrics }) => metrics.some(({ name }) => name === "alarm/code"));
  await next("DDATA", 0, ({ metrics }) => metrics.some(({ value }) => value === "hot"));
  for (let i = 0; i < 260; i++) {
    const before = here();
    await device.publish(1, bytes(i + 0.5));
    await next("DDATA", before, ({ metrics }) => metrics.some(({ value }) => value === i + 0.5));
  }

  // A host asks for everything again, and writes.
  const rebirthAt = edge().length;
  const asked = here();
  await host.command(`spBv1.0/plant/NCMD/gw`, { name: "Node Control/Rebirth", boolean_value: true });
  await next("NBIRTH", asked);
  await next("DBIRTH", asked);
  const dcmd = `spBv1.0/plant/DCMD/gw/${PRESS}`;
  await host.command(dcmd, { alias: alias("target"), string_value: "hot" });
  await host.command(dcmd, { alias: alias("target"), datatype: 11, boolean_value: true });
  await host.command(dcmd, { alias: alias("temperature"), double_value: 1 });
  await host.command(dcmd, { alias: alias("target"), double_value: 7.25 });
  await next("DDATA", asked, ({ metrics }) => metrics.some(({ value }) => value === 7.25));
  await host.command(dcmd, { name: "target", datatype: 3, int_value: 4294967294 });
  await next("DDATA", asked, ({ metrics }) => metrics.some(({ value }) => value === -2));
  await device.until(() => device.received.length === 2, "both values");
  const written = device.received.map(({ payload }) => new Float64Array(payload.slice().buffer)[0]!);
  await gateway.says(/(?:a message was dropped[^]*){3}/);
  const refused = gateway.diagnosis().split("\n").filter((line) => line.includes("a message was dropped"));

  // Another device comes and goes.
  const guest = await DevicePeer.connect(gateway, await operator.addDevice(gateway, GUEST));
  await guest.advertise({ channel: 1, topic: "level", encoding: "f32" });
  await next("DBIRTH", asked, ({ topic }) => topic.endsWith(GUEST));
  await guest.leave();
  await next("DDEATH", asked, ({ topic }) => topic.endsWith(GUEST));

  // The host goes: first by an outdated word, then truly.
  const outdatedOfflineAt = edge().length;
  await host.state(NODE.primaryHost, false, 1_500);
  await host.command(dcmd, { alias: alias("target"), double_value: 8 });
  await next("DDATA", asked, ({ metrics }) => metrics.some(({ value }) => value === 8));
  const offlineAt = edge().length;
  await host.state(NODE.primaryHost, false, 3_000);
  const gone = here();
  await next("NDEATH", gone - 1);
  await notReady(gateway, "waits for the primary host application");
  await host.state(NODE.primaryHost, true, 4_000);
  await next("NBIRTH", gone);

  // The gateway dies, comes back, and ends in good order.
  const killedAt = edge().length;
  const dying = here();
  await gateway.kill();
  await next("NDEATH", dying);
  gateway = await start({ args, data: gateway.data });
  await next("NBIRTH", dying);
  const ending = here();
  await gateway.stop();
  // Its own word, and the will, which the broker would have forgotten with an ordinary DISCONNECT.
  const said = await next("NDEATH", ending);
  await next("NDEATH", ending, (message) => message !== said);

  const problems = host.caught.filter(({ problem }) => problem !== undefined);
  assert(problems.length === 0, JSON.stringify(problems[0]));
  return {
    edge: edge(),
    hostOnlineAt,
    rebirthAt,
    outdatedOfflineAt,
    offlineAt,
    killedAt,
    written,
    refused,
    brokerLog: broker.log,
  };
}
