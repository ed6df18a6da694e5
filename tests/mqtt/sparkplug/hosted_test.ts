/** The host application's side of an edge node, by payloads of an independent encoder. */
import { assertEquals, assertMatch } from "@std/assert";
import { Counters } from "../../../hub/counters.ts";
import { Hub } from "../../../hub/hub.ts";
import type { Topic } from "../../../hub/topic.ts";
import type { WriteResult } from "../../../hub/writing.ts";
import { hostedNodeSchema } from "../../../mqtt/sparkplug/config.ts";
import { commandTopic, isForNode, nodeMessage, TopicNames } from "../../../mqtt/sparkplug/hosted/names.ts";
import { HostedNode } from "../../../mqtt/sparkplug/hosted/node.ts";
import { MemoryRecording } from "../../support/memory_recording.ts";
import { decoded, encoded } from "./codec.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const config = hostedNodeSchema.parse({ device: "line", group: "plant", node: "n", writable: ["press/#"] });

/** A node whose messages are taken by hand, and all that came of them. */
class Bench {
  readonly hub = new Hub({ epoch: "gw.1", recorder: new MemoryRecording(), counters: new Counters() });
  readonly sent: { topic: string; payload: Uint8Array }[] = [];
  readonly present: string[] = [];
  readonly drops: string[] = [];
  readonly commanded = new Set<Topic>();
  readonly answers: WriteResult[] = [];
  /** Filled by `publish`: names with text and milliseconds after now. */
  readonly published: [string, string, number][] = [];
  nowMs = NOW_MS;
  listens = true;
  readonly node = new HostedNode({
    config,
    eventTopics: ["line/press/alarm"],
    define: (description) => this.hub.define(description),
    publish: (topic, timeUs, payload) => {
      this.hub.publish(topic, timeUs, 1, payload);
      this.published.push([topic.name, new TextDecoder().decode(payload), timeUs / 1_000 - NOW_MS]);
    },
    commanded: (topic, on) => void (on ? this.commanded.add(topic) : this.commanded.delete(topic)),
    answered: (_topic, _offset, result) => void this.answers.push(result),
    send: (topic, payload) => {
      if (this.listens) this.sent.push({ topic, payload });
      return this.listens;
    },
    present: (online, reason) => void this.present.push(`${online} ${reason}`),
    dropped: (reason) => void this.drops.push(reason),
    nowUs: () => this.nowMs * 1_000,
  });

  take(topic: string, payload: Uint8Array): void {
    this.node.take(nodeMessage(config, topic)!, payload);
  }

  /** What was published since this was asked last. */
  news(): [string, string, number][] {
    return this.published.splice(0);
  }
}

const nbirth = {
  timestamp: NOW_MS,
  seq: 0,
  metrics: [
    { name: "bdSeq", datatype: 4, long_value: 7 },
    { name: "Node Control/Rebirth", datatype: 11, boolean_value: false },
    { name: "uptime", alias: 1, datatype: 8, long_value: 5 },
  ],
};
const dbirth = {
  timestamp: NOW_MS,
  seq: 1,
  metrics: [
    {
      name: "temperature",
      alias: 10,
      timestamp: NOW_MS - 60_000,
      datatype: 9,
      float_value: 21.1,
      properties: { engUnit: "°C" },
    },
    { name: "offset", alias: 11, datatype: 2, int_value: 65_531 },
    { name: "on", alias: 12, datatype: 11, boolean_value: true },
    { name: "program", alias: 13, datatype: 12, string_value: "bending" },
    { name: "image", alias: 14, datatype: 17, bytes_value: "010203" },
    { name: "counts", alias: 15, datatype: 24, bytes_value: "01000000feffffff" },
    { name: "table", alias: 16, datatype: 16 },
    { name: "alarm", alias: 17, datatype: 12, string_value: "none", properties: { readOnly: true } },
    { name: "//set", alias: 18, datatype: 3, is_null: true },
    { name: "target", alias: 19, datatype: 10, double_value: 20, properties: { readOnly: false } },
  ],
};
const data = (seq: number, ...metrics: Record<string, unknown>[]) => ({ timestamp: NOW_MS, seq, metrics });
const death = { timestamp: NOW_MS + 500, seq: 3, metrics: [] };
const ndeath = (bdSeq: number) => ({ metrics: [{ name: "bdSeq", datatype: 4, long_value: bdSeq }] });

Deno.test("a birth's metrics are topics with their values, units, times, and a way to write those that can be", async () => {
  const bench = new Bench();
  const [nodeBirth, deviceBirth, news] = await encoded(
    nbirth,
    dbirth,
    data(
      2,
      { alias: 10, timestamp: NOW_MS + 10, float_value: 21.2 },
      { alias: 11, timestamp: NOW_MS + 86_400_000, int_value: 4294967286 },
      { name: "program", timestamp: 5, string_value: "idle" },
      { alias: 17, is_historical: true, timestamp: NOW_MS - 9, string_value: "hot" },
      { alias: 12, is_historical: true, boolean_value: false },
      { alias: 16 },
    ),
  );
  bench.take("spBv1.0/plant/NBIRTH/n", nodeBirth!);
  assertEquals(bench.news(), [["line/Node Control/Rebirth", "false", 0], ["line/uptime", "5", 0]]);
  bench.take("spBv1.0/plant/DBIRTH/n/press", deviceBirth!);
  assertEquals(bench.news(), [
    ["line/press/$status", '{"online":true}', 0],
    ["line/press/temperature", "21.1", -60_000],
    ["line/press/offset", "-5", 0],
    ["line/press/on", "true", 0],
    ["line/press/program", '"bending"', 0],
    ["line/press/image", "\x01\x02\x03", 0],
    ["line/press/counts", "[1,-2]", 0],
    ["line/press/alarm", '"none"', 0],
    ["line/press/_/_/set_", "null", 0],
    ["line/press/target", "20", 0],
  ]);
  assertEquals(bench.hub.topic("line/press/temperature")?.description, {
    name: "line/press/temperature",
    deliveryClass: "state",
    encoding: "json",
    unit: "°C",
    writable: false,
  });
  assertEquals(bench.hub.topic("line/press/image")?.description.encoding, "raw");
  // All of the device's by the setting, but for the one of which the birth says no; none of the node's.
  assertEquals(
    [...bench.commanded].map(({ name }) => name).filter((name) => /alarm|line\/[^p]/.test(name)),
    [],
  );
  assertEquals(bench.commanded.size, 8);
  bench.take("spBv1.0/plant/DDATA/n/press", news!);
  assertEquals(bench.news(), [
    ["line/press/temperature", "21.2", 10],
    // A clock that runs ahead, and one that was never set.
    ["line/press/offset", "-10", 0],
    ["line/press/program", '"idle"', 0],
    ["line/press/alarm", '"hot"', -9],
  ]);
  assertEquals(bench.drops, ["unknown_datatype", "historical"]);
  assertEquals([bench.present, bench.sent], [["true NBIRTH"], []]);
});

Deno.test("a gap, unknown metrics and data before a birth make the gateway ask for a rebirth, not too often", async () => {
  const bench = new Bench();
  const ddata = (seq: number) => data(seq, { alias: 10, float_value: seq });
  const [nodeBirth, deviceBirth, two, four, five, unknown, again] = await encoded(
    nbirth,
    dbirth,
    ddata(2),
    ddata(4),
    ddata(5),
    data(6, { alias: 99, int_value: 1 }),
    { ...dbirth, seq: 1 },
  );
  bench.take("spBv1.0/plant/DDATA/n/press", two!);
  assertEquals([bench.drops, bench.news(), bench.sent.length], [["before_birth"], [], 1]);
  const { topic, payload } = bench.sent[0]!;
  assertEquals(topic, "spBv1.0/plant/NCMD/n");
  const asked = await decoded(topic, payload);
  assertEquals([asked.timestamp, asked.seq], [NOW_MS, undefined]);
  assertEquals(asked.metrics.map(({ name, datatype, value }) => [name, datatype, value]), [
    ["Node Control/Rebirth", 11, true],
  ]);
  bench.nowMs += 6_000;
  bench.take("spBv1.0/plant/NBIRTH/n", nodeBirth!);
  bench.take("spBv1.0/plant/DBIRTH/n/press", deviceBirth!);
  bench.take("spBv1.0/plant/DDATA/n/press", two!);
  assertEquals(bench.sent.length, 1);
  bench.take("spBv1.0/plant/DDATA/n/press", four!);
  assertEquals(bench.sent.length, 2);
  // What came is taken all the same, and a node that does not answer is asked again later.
  assertEquals(bench.news().at(-1)?.[1], "4");
  bench.take("spBv1.0/plant/DDATA/n/press", five!);
  assertEquals(bench.sent.length, 2);
  bench.nowMs += 6_000;
  bench.take("spBv1.0/plant/DDATA/n/press", unknown!);
  assertEquals([bench.sent.length, bench.drops.slice(1)], [3, ["unknown_datatype", "gap", "unknown_metric"]]);
  // The rebirth: the device was there all the while, and no event happened.
  bench.news();
  bench.take("spBv1.0/plant/NBIRTH/n", nodeBirth!);
  bench.take("spBv1.0/plant/DBIRTH/n/press", again!);
  const told = bench.news().map(([name]) => name);
  assertEquals(told.filter((name) => name.endsWith("$status") || name.endsWith("alarm")), []);
  bench.nowMs += 6_000;
  bench.take("spBv1.0/plant/DDATA/n/press", two!);
  assertEquals([bench.sent.length, bench.present], [3, ["true NBIRTH"]]);
});

Deno.test("deaths take devices and the node offline, an old one does not", async () => {
  const bench = new Bench();
  const [nodeBirth, deviceBirth, two, ddeath, old, own] = await encoded(
    nbirth,
    dbirth,
    { ...dbirth, seq: 2 },
    death,
    ndeath(6),
    ndeath(7),
  );
  bench.take("spBv1.0/plant/NBIRTH/n", nodeBirth!);
  bench.take("spBv1.0/plant/DBIRTH/n/press", deviceBirth!);
  bench.take("spBv1.0/plant/DBIRTH/n/saw", two!);
  bench.news();
  bench.take("spBv1.0/plant/DDEATH/n/press", ddeath!);
  assertEquals(bench.news(), [["line/press/$status", '{"online":false,"reason":"DDEATH"}', 500]]);
  assertEquals([...bench.commanded].some(({ name }) => name.startsWith("line/press/")), false);
  bench.take("spBv1.0/plant/NDEATH/n", old!);
  assertEquals([bench.news(), bench.drops.at(-1), bench.present.length], [[], "old_death", 1]);
  bench.take("spBv1.0/plant/NDEATH/n", own!);
  assertEquals(bench.news(), [["line/saw/$status", '{"online":false,"reason":"NDEATH"}', 0]]);
  assertEquals([bench.present.at(-1), bench.commanded.size], ["false NDEATH", 0]);
  bench.node.end();
  assertEquals(bench.present.length, 2);
});

Deno.test("what is written goes out by the metric's name and type, and what does not fit is answered", async () => {
  const bench = new Bench();
  const [nodeBirth, deviceBirth] = await encoded(nbirth, dbirth);
  bench.take("spBv1.0/plant/NBIRTH/n", nodeBirth!);
  bench.take("spBv1.0/plant/DBIRTH/n/press", deviceBirth!);
  const write = async (channel: string, text: string) => {
    bench.node.command(bench.hub.topic(`line/press/${channel}/cmd`)!, 1, new TextEncoder().encode(text));
    const sent = bench.sent.pop();
    if (!sent) return bench.answers.at(-1)?.message;
    assertEquals([sent.topic, bench.answers.at(-1)?.status], ["spBv1.0/plant/DCMD/n/press", "done"]);
    const { metrics, timestamp, seq } = await decoded(sent.topic, sent.payload);
    assertEquals([timestamp, seq, metrics[0]?.name], [NOW_MS, undefined, channel]);
    return [metrics[0]?.datatype, metrics[0]?.wire, metrics[0]?.value];
  };
  assertEquals(await write("target", "7.25"), [10, "double", 7.25]);
  assertEquals(await write("offset", "-5"), [2, "int", 4294967291]);
  assertEquals(await write("on", "false"), [11, "boolean", false]);
  assertEquals(await write("program", '"idle"'), [12, "string", "idle"]);
  assertEquals(await write("image", "\x09"), [17, "bytes", "09"]);
  assertEquals(await write("counts", "[3,-1]"), [24, "bytes", "03000000ffffffff"]);
  for (
    const [channel, text] of [
      ["target", '"hot"'],
      ["target", "{}"],
      ["target", "nonsense"],
      ["offset", "40000"],
      ["offset", "1.5"],
      ["on", "1"],
      ["program", "1"],
      ["counts", "[1.5]"],
      ["counts", "[4294967296]"],
      ["counts", "1"],
    ]
  ) assertMatch(String(await write(channel!, text!)), /is a |JSON/, `${channel} ${text}`);
  bench.listens = false;
  assertMatch(String(await write("target", "1")), /has not subscribed to spBv1.0\/plant\/DCMD\/n\/press/);
});

Deno.test("names: a node has its own topics on the broker, and each metric one of the gateway's", () => {
  const message = (topic: string) => nodeMessage(config, topic);
  assertEquals(message("spBv1.0/plant/DDATA/n/press"), { verb: "DDATA", device: "press" });
  assertEquals(message("spBv1.0/plant/NDEATH/n"), { verb: "NDEATH", device: undefined });
  for (
    const topic of [
      "plant/NDATA/other",
      "other/NDATA/n",
      "plant/NCMD/n",
      "plant/NDATA/n/x",
      "plant/DDATA/n",
      "STATE/gw",
    ]
  ) {
    assertEquals(message(`spBv1.0/${topic}`), undefined, topic);
  }
  assertEquals(commandTopic(config, "press"), "spBv1.0/plant/DCMD/n/press");
  const mine = ["plant/NCMD/n", "plant/NCMD/n/#", "plant/DCMD/n/+", "plant/DCMD/n/press", "STATE/#"];
  const others = ["plant/NCMD/+", "plant/NCMD/node", "plant/NDATA/n", "#", "+/NCMD/n"];
  assertEquals(
    [...mine, ...others].filter((filter) => isForNode(config, `spBv1.0/${filter}`)).length,
    mine.length,
  );
  const names = new TopicNames("line", 4);
  const name = (metric: string, device?: string) => names.of(device, metric);
  assertEquals([name("a/b"), name("b", "a"), name("b", "a")], ["line/a/b", "line/a/b:2", "line/a/b:2"]);
  assertEquals(name("$x/+#\n/cmd"), "line/_x/___/cmd_");
  assertMatch(JSON.stringify(name("x".repeat(300))), /256/);
  name("c");
  assertMatch(JSON.stringify(name("d")), /more than 4/);
});

Deno.test("no bytes that a node sends make the gateway throw", async () => {
  const births = await encoded(nbirth, dbirth, data(2, ...dbirth.metrics));
  let random = 12_345;
  const next = () => random = (random * 1_103_515_245 + 12_345) & 0x7fff_ffff;
  const topics = ["NBIRTH/n", "DBIRTH/n/press", "DDATA/n/press", "NDATA/n", "NDEATH/n", "DDEATH/n/press"];
  for (let round = 0; round < 500; round++) {
    const bench = new Bench();
    bench.take("spBv1.0/plant/NBIRTH/n", births[0]!);
    for (let i = 0; i < 3; i++) {
      const bytes = births[next() % births.length]!.slice();
      for (let flips = next() % 4; flips > 0; flips--) bytes[next() % bytes.length] = next() & 0xff;
      bench.take(`spBv1.0/plant/${topics[next() % topics.length]}`, bytes);
    }
    for (const topic of [...bench.commanded]) bench.node.command(topic, 1, new TextEncoder().encode("1"));
  }
});
