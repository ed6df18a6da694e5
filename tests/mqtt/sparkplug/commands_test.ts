/** What hosts write: types checked, payloads composed. */
import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { Topic, type TopicDescription } from "../../../hub/topic.ts";
import { decode } from "../../../payload/decode.ts";
import { encode } from "../../../payload/encode.ts";
import { carriedValue, writtenPayload } from "../../../mqtt/sparkplug/commands.ts";
import { DATATYPE, type DataType } from "../../../mqtt/sparkplug/datatypes.ts";
import { decodePayload, encodePayload, type MetricIn } from "../../../mqtt/sparkplug/payload.ts";
import type { KnownMetric } from "../../../mqtt/sparkplug/topic_metrics.ts";

function known(datatype: DataType, path: string[] = []): KnownMetric {
  const rest = { alias: 1, mixed: false, unit: undefined, writable: true, value: null, timeMs: 0 };
  return { name: "m", datatype, path, ...rest };
}

const given = (
  wire: NonNullable<MetricIn["value"]>["wire"],
  value: NonNullable<MetricIn["value"]>["value"],
  datatype?: number,
): MetricIn => ({ value: { wire, value }, ...(datatype === undefined ? {} : { datatype }) });

const problem = (value: unknown) => (value as { problem?: string }).problem ?? "";

Deno.test("numbers come in whatever numeric form, within the range of their metric", () => {
  assertEquals(carriedValue(known(DATATYPE.double), given("double", 1.5)), 1.5);
  assertEquals(carriedValue(known(DATATYPE.double), given("float", 0.5)), 0.5);
  assertEquals(carriedValue(known(DATATYPE.double), given("int", 0xfffffffe, DATATYPE.int32)), -2);
  assertEquals(carriedValue(known(DATATYPE.int8), given("int", 0xfffffffb)), -5);
  assertEquals(carriedValue(known(DATATYPE.int8), given("int", 0xfb)), -5);
  assertEquals(carriedValue(known(DATATYPE.uint32), given("long", 4294967295n)), 4294967295);
  assertEquals(carriedValue(known(DATATYPE.int64), given("long", 0xffffffffffffffffn)), -1);
  assertEquals(carriedValue(known(DATATYPE.uint64), given("long", 0xffffffffffffffffn)), 0xffffffffffffffffn);
  assertEquals(carriedValue(known(DATATYPE.uint16), given("double", 7)), 7);
});

Deno.test("a value of another type, without value or out of range is refused in words", () => {
  assertMatch(problem(carriedValue(known(DATATYPE.double), given("string", "1"))), /is a Double.*string/);
  assertMatch(
    problem(carriedValue(known(DATATYPE.double), given("int", 1, DATATYPE.boolean))),
    /carries a Boolean/,
  );
  assertMatch(problem(carriedValue(known(DATATYPE.boolean), given("int", 1))), /is a Boolean/);
  assertMatch(
    problem(carriedValue(known(DATATYPE.uint8), given("int", 256))),
    /256 is not between 0 and 255/,
  );
  assertMatch(problem(carriedValue(known(DATATYPE.int16), given("double", 1.5))), /not a whole number/);
  assertMatch(problem(carriedValue(known(DATATYPE.string), { isNull: true })), /without a value/);
});

function topic(part: Partial<TopicDescription>, newest?: unknown): Topic {
  const made = new Topic(1, {
    name: "dev/x",
    deliveryClass: "state",
    encoding: "json",
    writable: true,
    ...part,
  }, "e");
  if (newest !== undefined) {
    const bytes = encode(made.description, newest);
    made.remember({ topic: made, offset: 1, timeUs: 1, session: 0, bytes, start: 0, end: bytes.length });
  }
  return made;
}

function written(of: Topic, ...writes: Parameters<typeof writtenPayload>[1]): unknown {
  const payload = writtenPayload(of, writes);
  return "problem" in payload ? payload.problem : decode(of.description, payload);
}

Deno.test("a field is written into the newest value, and the others stay", () => {
  const fields = [{ name: "on", type: "bool" as const }, { name: "speed", type: "u16" as const }];
  const motor = topic({ encoding: "struct", fields }, { on: true, speed: 5 });
  assertEquals(written(motor, { metric: known(DATATYPE.uint16, ["speed"]), value: 9 }), {
    on: true,
    speed: 9,
  });
  assertEquals(
    written(topic({}, { a: { b: 1 } }), { metric: known(DATATYPE.double, ["a", "b"]), value: 2 }),
    {
      a: { b: 2 },
    },
  );
  assertMatch(
    String(
      written(topic({ encoding: "struct", fields }), { metric: known(DATATYPE.uint16, ["speed"]), value: 9 }),
    ),
    /on/,
  );
});

Deno.test("text for a topic of no certain type is JSON where it can be", () => {
  const unknown = { metric: { ...known(DATATYPE.string), mixed: true }, value: "[1]" };
  assertEquals(written(topic({}), unknown), [1]);
  assertEquals(written(topic({}), { ...unknown, value: "open" }), "open");
  assertEquals(written(topic({}, "7"), { metric: known(DATATYPE.string), value: "8" }), "8");
});

Deno.test("a payload that was written is read back, and a broken one is told of", () => {
  const bytes = encodePayload({
    timestampMs: 1_700_000_000_123,
    seq: 255,
    metrics: [
      {
        name: "é",
        alias: 300,
        timestampMs: 1,
        datatype: DATATYPE.int64,
        wire: "long",
        value: -5,
        properties: { a: "b" },
      },
      { timestampMs: 1, wire: "string", value: null },
    ],
  });
  const payload = decodePayload(bytes);
  if ("problem" in payload) throw new Error(payload.problem);
  assertEquals([payload.timestampMs, payload.seq], [1_700_000_000_123n, 255n]);
  assertEquals(payload.metrics, [
    {
      name: "é",
      alias: 300n,
      timestampMs: 1n,
      datatype: 4,
      value: { wire: "long", value: 2n ** 64n - 5n },
    },
    { timestampMs: 1n, isNull: true },
  ]);
  for (let cut = 1; cut < bytes.length; cut++) decodePayload(bytes.subarray(0, cut));
  assertMatch(problem(decodePayload(new Uint8Array([0x12, 0x7f]))), /not a Sparkplug B payload/);
});

Deno.test("whatever a host sends is read or told of, and never thrown", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const payload = decodePayload(bytes);
    if ("problem" in payload) return;
    for (const metric of payload.metrics) {
      for (const datatype of Object.values(DATATYPE)) carriedValue(known(datatype), metric);
    }
  }));
  const value = fc.oneof(
    fc.record({ wire: fc.constant("int" as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
    fc.record({ wire: fc.constant("long" as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
    fc.record({ wire: fc.constantFrom("float" as const, "double" as const), value: fc.double() }),
    fc.record({ wire: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 20 }) }),
  );
  const whole = topic({ encoding: "json" });
  fc.assert(
    fc.property(value, fc.constantFrom(...Object.values(DATATYPE)), fc.nat(40), (given, datatype, said) => {
      const metric = known(datatype);
      const fitted = carriedValue(metric, { value: given, datatype: said });
      if (typeof fitted === "object" && "problem" in fitted) return;
      writtenPayload(whole, [{ metric, value: fitted }]);
    }),
  );
});
