import { assert, assertEquals, assertStrictEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { CLOSE, type CloseCode } from "../../protocol/close_codes.ts";
import {
  parseDashboardMessage,
  parseDeviceMessage,
  parseToDashboard,
  parseToDevice,
} from "../../protocol/control.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import { MAX_CONTROL_BYTES } from "../../protocol/limits.ts";

const parsers = [parseDeviceMessage, parseDashboardMessage, parseToDevice, parseToDashboard];

function refused(parse: (text: string) => unknown, message: unknown, close: CloseCode): string {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  const error = assertThrows(() => parse(text), ProtocolError);
  assertStrictEquals(error.close, close);
  assert(error.message.length <= 1024, `a message of ${error.message.length} characters fits into no error`);
  return error.message;
}

Deno.test("parsers pass over properties that version 1 does not know", () => {
  assertEquals(parseDeviceMessage('{"type":"ping","id":1,"later":true}'), { type: "ping", id: 1 });
});

Deno.test("parsers refuse a message that is not a JSON object with a known type", () => {
  for (const text of ["", "{", "null", "1", '"hello"', "[]", "{}", '{"type":1}']) {
    for (const parse of parsers) refused(parse, text, CLOSE.badMessage);
  }
  for (const parse of [parseDeviceMessage, parseDashboardMessage]) {
    refused(parse, '{"type":"toString"}', CLOSE.badMessage);
  }
  refused(parseDeviceMessage, '{"__proto__":{"type":"ping"}}', CLOSE.badMessage);
});

Deno.test("clients' parsers pass over messages of a type that version 1 does not know", () => {
  for (const parse of [parseToDevice, parseToDashboard]) {
    assertEquals(parse('{"type":"toString"}'), undefined);
    assertEquals(parse('{"type":"weather","rain":true}'), undefined);
  }
});

Deno.test("parsers count bytes, not characters, against the size limit", () => {
  const padded = (character: string, count: number) => `{"type":"ping","x":"${character.repeat(count)}"}`;
  const overhead = padded("", 0).length;
  const count = Math.floor((MAX_CONTROL_BYTES - overhead) / 3);
  assertEquals(parseDeviceMessage(padded("€", count)).type, "ping");
  refused(parseDeviceMessage, padded("€", count + 1), CLOSE.limitExceeded);
  refused(parseDeviceMessage, padded("x", MAX_CONTROL_BYTES), CLOSE.limitExceeded);
});

Deno.test("parsers refuse deep nesting wherever it is, without taking the stack", () => {
  for (const depth of [65, 120_000]) {
    const nested = "[".repeat(depth) + "]".repeat(depth);
    refused(parseDeviceMessage, `{"type":"hello","protocol":${nested}}`, CLOSE.badMessage);
    refused(parseDeviceMessage, `{"type":"candidate","candidate":${nested}}`, CLOSE.badMessage);
  }
  const brackets = JSON.stringify({ type: "bye", reason: '"[{'.repeat(300) });
  assertEquals(parseDeviceMessage(brackets).type, "bye");
});

Deno.test("errors name the property and what was expected, however long what the peer sent is", () => {
  assertEquals(
    refused(parseDeviceMessage, { type: "hello", protocol: 2 }, CLOSE.badMessage),
    "protocol: expected a whole number from 1 to 1, got 2",
  );
  assertEquals(
    refused(parseDeviceMessage, { type: "advertise", channels: [{ channel: 1 }] }, CLOSE.badMessage),
    "channels[0].topic: expected a string, got nothing",
  );
  refused(parseDeviceMessage, { type: "x".repeat(10_000) }, CLOSE.badMessage);
  const positions = { ["k".repeat(10_000)]: 1 };
  refused(
    parseDashboardMessage,
    { type: "subscribe", id: 1, patterns: [], from: { positions } },
    CLOSE.badMessage,
  );
});

Deno.test("an error about alternatives says what each of them expected", () => {
  const message = refused(
    parseDashboardMessage,
    { type: "subscribe", id: 1, patterns: ["#"], from: "start" },
    CLOSE.badMessage,
  );
  assertStringIncludes(message, "one of snapshot, live");
  assertStringIncludes(message, "an object");
});

Deno.test("a list or schema above its limit is refused with limit_exceeded", () => {
  const patterns = new Array(65).fill("a");
  refused(parseDashboardMessage, { type: "subscribe", id: 1, patterns }, CLOSE.limitExceeded);
  const schema = "x".repeat(40_000);
  refused(
    parseDeviceMessage,
    { type: "advertise", channels: [{ channel: 1, topic: "a", schema }] },
    CLOSE.limitExceeded,
  );
});

Deno.test("a position of a topic named __proto__ is a position like any other", () => {
  const text = '{"type":"subscribe","id":1,"patterns":["#"],"from":{"positions":' +
    '{"__proto__":{"epoch":"g.1","offset":5}}}}';
  const message = parseDashboardMessage(text);
  assert(message.type === "subscribe" && typeof message.from === "object");
  const positions = message.from.positions!;
  assertEquals(Object.entries(positions), [["__proto__", { epoch: "g.1", offset: 5 }]]);
  assertStrictEquals(Object.getPrototypeOf(positions), Object.prototype);
});

Deno.test("numbers that are no whole numbers, or beyond 2^53 - 1, are refused; -0 is 0", () => {
  for (const id of ["1.5", "-1", "9007199254740992", "1e400", '"1"', "null", "true"]) {
    refused(parseDeviceMessage, `{"type":"ping","id":${id}}`, CLOSE.badMessage);
  }
  const ping = parseDeviceMessage('{"type":"ping","id":-0}');
  assert(ping.type === "ping" && Object.is(ping.id, 0));
});

Deno.test("parsers throw nothing but ProtocolError on any text and any JSON", () => {
  const type = fc.constantFrom(
    ..."hello advertise subscribe write result welcome channels gap candidate skipped clock".split(" "),
  );
  const key = fc.constantFrom(
    ..."protocol channels channel topic fields resume enrol id patterns from positions counts __proto__"
      .split(" "),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6 },
      fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null), fc.double()),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(fc.oneof(key, fc.string()), tie("tree"), { maxKeys: 6 }),
    ),
  }));
  const message = fc.tuple(type, fc.dictionary(key, tree)).map(([type, rest]) =>
    JSON.stringify({ ...rest, type })
  );
  fc.assert(
    fc.property(fc.oneof(message, fc.string(), fc.json()), (text) => {
      for (const parse of parsers) {
        try {
          parse(text);
        } catch (error) {
          assert(error instanceof ProtocolError, (error as Error).stack);
          assert(error.message.length <= 1024);
        }
      }
    }),
    { numRuns: 3_000 },
  );
});
