/** What payloads are as metrics, and how metrics keep their names, aliases and datatypes. */
import { assertEquals } from "@std/assert";
import type { TopicDescription } from "../../../hub/topic.ts";
import { Topic } from "../../../hub/topic.ts";
import { encode } from "../../../payload/encode.ts";
import { packArray, unpackArray } from "../../../mqtt/sparkplug/arrays.ts";
import { DATATYPE, type DataType } from "../../../mqtt/sparkplug/datatypes.ts";
import { expectedReadings, MAX_METRICS_PER_TOPIC, readingsOf } from "../../../mqtt/sparkplug/readings.ts";
import { TopicMetrics } from "../../../mqtt/sparkplug/topic_metrics.ts";

function description(part: Partial<TopicDescription>): TopicDescription {
  return { name: "dev/x", deliveryClass: "state", encoding: "json", writable: false, ...part };
}

function readings(part: Partial<TopicDescription>, value: unknown) {
  const whole = description(part);
  return readingsOf(whole, encode(whole, value)).map(({ path, datatype, value }) =>
    [path.join("/"), datatype, value] as const
  );
}

function topicMetrics(part: Partial<TopicDescription>): TopicMetrics {
  const aliases: string[] = [];
  return new TopicMetrics(new Topic(7, description(part), "e"), "x", {
    alias: (topic, path) => aliases.push(`${topic} ${path}`),
    name: (_, wanted) => wanted,
  });
}

Deno.test("numbers, truths, text and bytes are one metric each", () => {
  assertEquals(readings({ encoding: "f64" }, 1.5), [["", DATATYPE.double, 1.5]]);
  assertEquals(readings({ encoding: "f32" }, 0.5), [["", DATATYPE.float, 0.5]]);
  assertEquals(readings({ encoding: "utf8" }, "on"), [["", DATATYPE.string, "on"]]);
  assertEquals(readings({ encoding: "raw" }, new Uint8Array([1])), [[
    "",
    DATATYPE.bytes,
    new Uint8Array([1]),
  ]]);
  assertEquals(readings({}, true), [["", DATATYPE.boolean, true]]);
  assertEquals(readings({ encoding: "cbor" }, 3), [["", DATATYPE.double, 3]]);
});

Deno.test("each field of a struct is a metric of its own type", () => {
  const fields = [
    { name: "rpm", type: "u16" as const, unit: "1/min" },
    { name: "turns", type: "i64" as const },
    { name: "legs", type: "u8" as const, count: 2 },
  ];
  assertEquals(readings({ encoding: "struct", fields }, { rpm: 9, turns: -2, legs: [1, 255] }), [
    ["rpm", DATATYPE.uint16, 9],
    ["turns", DATATYPE.int64, -2],
    ["legs", DATATYPE.uint8Array, new Uint8Array([1, 255])],
  ]);
  assertEquals(expectedReadings(description({ encoding: "struct", fields })).map(({ unit }) => unit), [
    "1/min",
    undefined,
    undefined,
  ]);
});

Deno.test("fields of objects and SenML records are metrics; lists are arrays or JSON text", () => {
  assertEquals(readings({}, { a: 1, b: { c: "x", d: null }, e: [1, 2], f: ["x"] }), [
    ["a", DATATYPE.double, 1],
    ["b/c", DATATYPE.string, "x"],
    ["b/d", DATATYPE.string, null],
    ["e", DATATYPE.doubleArray, packArray(DATATYPE.doubleArray, [1, 2])],
    ["f", DATATYPE.string, '["x"]'],
  ]);
  const whole = description({ encoding: "senml+json" });
  const pack = new TextEncoder().encode('[{"bn":"room/","n":"t","u":"Cel","v":21},{"n":"open","vb":true}]');
  assertEquals(readingsOf(whole, pack), [
    { path: ["room/t"], datatype: DATATYPE.double, value: 21, unit: "Cel" },
    { path: ["room/open"], datatype: DATATYPE.boolean, value: true, unit: undefined },
  ]);
});

Deno.test("a topic has no more metrics than the limit", () => {
  const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`f${i}`, i]));
  assertEquals(readings({}, many).length, MAX_METRICS_PER_TOPIC);
});

Deno.test("a JSON Schema names the metrics before the first value", () => {
  const schema = { type: "object", properties: { on: { type: "boolean" }, level: { type: "number" } } };
  assertEquals(expectedReadings(description({ schema })).map(({ path, datatype }) => [path[0], datatype]), [
    ["on", DATATYPE.boolean],
    ["level", DATATYPE.double],
  ]);
  assertEquals(expectedReadings(description({})), []);
  assertEquals(expectedReadings(description({ writable: true })).map(({ datatype }) => datatype), [
    DATATYPE.string,
  ]);
});

Deno.test("a metric whose values change their type becomes text once and stays so", () => {
  const metrics = topicMetrics({});
  const learn = (value: unknown) =>
    metrics.learn(readingsOf(description({}), encode(description({}), value)));
  assertEquals([learn(1), learn(2), learn("off"), learn(3), learn(true)], [true, false, true, false, false]);
  const [only] = [...metrics.all()];
  assertEquals([only?.datatype, only?.mixed], [DATATYPE.string, true]);
  const out = metrics.changes(readingsOf(description({}), encode(description({}), 3)), 5);
  assertEquals(out.map(({ value, wire, timestampMs }) => [value, wire, timestampMs]), [["3", "string", 5]]);
});

Deno.test("what did not change is left out of data, and events never are", () => {
  const metrics = topicMetrics({ encoding: "f64" });
  const one = readingsOf(description({ encoding: "f64" }), encode(description({ encoding: "f64" }), 1));
  assertEquals(metrics.changes(one, 1).length, 1);
  assertEquals(metrics.changes(one, 2).length, 0);
  assertEquals(metrics.event(one, 3, true).map(({ historical, name }) => [historical, name]), [[
    true,
    undefined,
  ]]);
  assertEquals(metrics.event(one, 4, false).length, 1);
});

Deno.test("arrays are packed as the specification's examples are", () => {
  const hex = (datatype: DataType, values: unknown[]) =>
    Array.from(packArray(datatype, values), (byte) => byte.toString(16).padStart(2, "0")).join("");
  assertEquals(hex(DATATYPE.int32Array, [123456789, 987654321]), "15cd5b07b168de3a");
  assertEquals(hex(DATATYPE.uint64Array, [52, "16444743074749521625"]), "3400000000000000d99e02d1b27637e4");
  assertEquals(hex(DATATYPE.booleanArray, [0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1]), "0c00000034d0");
  assertEquals(unpackArray(DATATYPE.booleanArray, packArray(DATATYPE.booleanArray, [true, false])), [
    true,
    false,
  ]);
  assertEquals(unpackArray(DATATYPE.int16Array, packArray(DATATYPE.int16Array, [-1, 2])), [-1, 2]);
  assertEquals(unpackArray(DATATYPE.doubleArray, new Uint8Array(9)), undefined);
});
