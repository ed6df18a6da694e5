/**
 * Golden vectors of the control messages. Valid ones are the specification's own examples, with more that show
 * how receivers have to be liberal; invalid ones are written by hand.
 *
 * @module
 */
import type { Direction } from "../../../protocol/control.ts";

/** A text too long to print. */
export interface Repeat {
  head: string;
  unit: string;
  count: number;
  tail: string;
}

/** A message, or text that is none. */
export type MessageVector =
  & { name: string; direction: Direction }
  & ({ text: string } | { repeat: Repeat })
  & ({ message: unknown } | { error: "bad_message" | "limit_exceeded" });

const DIRECTIONS: readonly Direction[] = [
  "device-to-gateway",
  "gateway-to-device",
  "dashboard-to-gateway",
  "gateway-to-dashboard",
];

/** Lines of the fenced blocks with this info string. */
function examples(page: string, info: string): string[] {
  return page.split("```")
    .filter((block, i) => i % 2 === 1 && block.startsWith(`${info}\n`))
    .flatMap((block) => block.split("\n").slice(1))
    .filter((line) => line !== "");
}

function fromPage(page: string): MessageVector[] {
  return DIRECTIONS.flatMap((direction) => {
    const seen = new Map<string, number>();
    return [...examples(page, `json ${direction}`), ...examples(page, "json both")].map((text) => {
      const message = JSON.parse(text) as { type: string };
      const count = (seen.get(message.type) ?? 0) + 1;
      seen.set(message.type, count);
      return { name: `${message.type} ${count}`, direction, text, message };
    });
  });
}

const LIBERAL: MessageVector[] = [
  {
    name: "unknown properties, at any depth",
    direction: "device-to-gateway",
    text: '{"later":[1],"type":"advertise","channels":[{"channel":1,"topic":"a","color":"red"}]}',
    message: { type: "advertise", channels: [{ channel: 1, topic: "a" }] },
  },
  {
    name: "a type that is not known yet",
    direction: "gateway-to-device",
    text: '{"type":"weather","rain":true}',
    message: null,
  },
  {
    name: "a type that is not known yet",
    direction: "gateway-to-dashboard",
    text: '{"type":"weather","rain":true}',
    message: null,
  },
  {
    name: "blanks, line ends and escapes",
    direction: "device-to-gateway",
    text: ' {\n\t"type" : "\\u0070ing", "id": 1.0e2 }\r\n',
    message: { type: "ping", id: 100 },
  },
  {
    name: "a property given twice: the last counts",
    direction: "device-to-gateway",
    text: '{"type":"ping","id":1,"id":2}',
    message: { type: "ping", id: 2 },
  },
  {
    name: "the deepest nesting",
    direction: "gateway-to-device",
    repeat: {
      head: '{"type":"candidate","candidate":null,"x":' + "[".repeat(63),
      unit: "",
      count: 0,
      tail: "]".repeat(63) + "}",
    },
    message: { type: "candidate", candidate: null },
  },
  {
    name: "null where any JSON may be",
    direction: "dashboard-to-gateway",
    text: '{"type":"write","id":1,"topic":"d/t","value":null}',
    message: { type: "write", id: 1, topic: "d/t", value: null },
  },
  {
    name: "a topic of 256 bytes",
    direction: "device-to-gateway",
    text: `{"type":"advertise","channels":[{"channel":0,"topic":"${"t".repeat(256)}"}]}`,
    message: { type: "advertise", channels: [{ channel: 0, topic: "t".repeat(256) }] },
  },
];

const bad = (direction: Direction, name: string, text: string): MessageVector => ({
  name,
  direction,
  text,
  error: "bad_message",
});
const device = (name: string, text: string) => bad("device-to-gateway", name, text);
const dashboard = (name: string, text: string) => bad("dashboard-to-gateway", name, text);
const declared = (declaration: string) => `{"type":"advertise","channels":[${declaration}]}`;

const INVALID: MessageVector[] = [
  device("nothing", ""),
  device("not JSON", "{type:ping}"),
  device("JSON that is cut", '{"type":"ping"'),
  device("JSON with something behind it", '{"type":"ping"}{}'),
  device("no object", '"ping"'),
  device("null", "null"),
  device("an array", '[{"type":"ping"}]'),
  device("no type", '{"id":1}'),
  device("a type that is no text", '{"type":1}'),
  device("an unknown type", '{"type":"constructor"}'),
  device("a type of another direction", '{"type":"subscribe","id":1,"patterns":["#"]}'),
  dashboard("a type of another direction", '{"type":"advertise","channels":[]}'),
  device("another protocol version", '{"type":"hello","protocol":2}'),
  device("no protocol version", '{"type":"hello"}'),
  device("null for what is missing", '{"type":"hello","protocol":1,"client":null}'),
  device("a producer of 65 characters", `{"type":"hello","protocol":1,"producer":"${"p".repeat(65)}"}`),
  device("an unknown clock", '{"type":"hello","protocol":1,"clock":"ntp"}'),
  device("resume without its token", '{"type":"hello","protocol":1,"resume":{"session":"a"}}'),
  device("channels that are no array", '{"type":"advertise","channels":{}}'),
  device("a declaration without a topic", declared('{"channel":1}')),
  device("a channel number below 0", declared('{"channel":-1,"topic":"a"}')),
  device("a channel number with a fraction", declared('{"channel":1.5,"topic":"a"}')),
  device("a channel number above its limit", declared('{"channel":1048576,"topic":"a"}')),
  device("an unknown class", declared('{"channel":1,"topic":"a","class":"both"}')),
  device("an unknown encoding", declared('{"channel":1,"topic":"a","encoding":"xml"}')),
  device(
    "an unknown field type",
    declared('{"channel":1,"topic":"a","encoding":"struct","fields":[{"name":"x","type":"u24"}]}'),
  ),
  device(
    "a field count of 0",
    declared('{"channel":1,"topic":"a","encoding":"struct","fields":[{"name":"x","type":"u8","count":0}]}'),
  ),
  device("writable that is no boolean", declared('{"channel":1,"topic":"a","writable":1}')),
  device("a result without ok", '{"type":"result","channel":1,"sequence":1}'),
  device("a number above 2^53 - 1", '{"type":"clock","t":9007199254740992}'),
  device("a number as text", '{"type":"clock","t":"1"}'),
  dashboard("a subscription without patterns", '{"type":"subscribe","id":1}'),
  dashboard("a subscription id above 2^32 - 1", '{"type":"subscribe","id":4294967296,"patterns":["#"]}'),
  dashboard("an unknown beginning", '{"type":"subscribe","id":1,"patterns":["#"],"from":"start"}'),
  dashboard(
    "a position without its epoch",
    '{"type":"subscribe","id":1,"patterns":["#"],"from":{"positions":{"a/b":{"offset":1}}}}',
  ),
  dashboard("a rate of 0", '{"type":"subscribe","id":1,"patterns":["#"],"maxHz":0}'),
  dashboard("a staleness of 0", '{"type":"subscribe","id":1,"patterns":["#"],"maxStaleMs":0}'),
  dashboard("a write without a topic", '{"type":"write","id":1,"value":1}'),
  dashboard(
    "a timeout above its limit",
    '{"type":"write","id":1,"topic":"a/b","value":1,"timeoutMs":600001}',
  ),
  bad("gateway-to-device", "a welcome without limits", '{"type":"welcome","protocol":1}'),
  bad(
    "gateway-to-device",
    "an enrolment that is not pending",
    '{"type":"enrolment","status":"done","code":"A"}',
  ),
  bad("gateway-to-dashboard", "a feed of 0", '{"type":"subscribed","id":1,"feed":0,"live":true}'),
  bad(
    "gateway-to-dashboard",
    "an unknown gap reason",
    '{"type":"gap","topic":"a/b","epoch":"g.1","from":1,"to":2,"reason":"bored"}',
  ),
  {
    name: "nesting above its limit",
    direction: "device-to-gateway",
    repeat: { head: '{"type":"candidate","candidate":', unit: "[", count: 100_000, tail: "" },
    error: "bad_message",
  },
  {
    name: "a message above its limit in bytes, though not in characters",
    direction: "device-to-gateway",
    repeat: { head: '{"type":"bye","reason":"', unit: "€", count: 87_400, tail: '"}' },
    error: "limit_exceeded",
  },
  {
    name: "more patterns than its limit",
    direction: "dashboard-to-gateway",
    repeat: { head: '{"type":"subscribe","id":1,"patterns":["a"', unit: ',"a"', count: 64, tail: "]}" },
    error: "limit_exceeded",
  },
  {
    name: "more fields than its limit",
    direction: "device-to-gateway",
    repeat: {
      head: '{"type":"advertise","channels":[{"channel":1,"topic":"a","fields":[{"name":"x","type":"u8"}',
      unit: ',{"name":"x","type":"u8"}',
      count: 256,
      tail: "]}]}",
    },
    error: "limit_exceeded",
  },
];

/** All messages; `page` is the text of the specification. */
export function messages(page: string): MessageVector[] {
  return [...fromPage(page), ...LIBERAL, ...INVALID];
}
