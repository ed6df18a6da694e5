/** docs/PROTOCOL.md says what the code does: its tables, frames and messages are held against it. */
import { assert, assertEquals } from "@std/assert";
import { decodeAck, encodeAck } from "../../protocol/ack.ts";
import { BatchReader } from "../../protocol/batch.ts";
import { CLOSE } from "../../protocol/close_codes.ts";
import { ENCODINGS, FIELD_TYPES, GAP_REASONS, MESSAGE_TYPES, SKIP_REASONS } from "../../protocol/control.ts";
import * as limits from "../../protocol/limits.ts";
import { confirmedNumbers, decodeConfirmation, readState } from "../../protocol/state_frame.ts";
import { LANES } from "./vectors/lane.ts";
import { hex, unhex } from "../support/hex.ts";
import { PARSERS } from "./parsers.ts";

const page = await Deno.readTextFile(new URL("../../docs/PROTOCOL.md", import.meta.url));

/** Rows of the table whose header begins with these cells. */
function table(...header: string[]): string[][] {
  const rows = page.split("\n").map((line) =>
    line.startsWith("|") ? line.split("|").slice(1, -1).map((cell) => cell.trim()) : []
  );
  const start = rows.findIndex((row) => header.every((cell, i) => row[i] === cell));
  assert(start >= 0, `a table with ${header.join(", ")}`);
  const length = rows.slice(start).findIndex((row) => row.length === 0);
  return rows.slice(start + 2, start + length);
}

/** Contents of the fenced blocks with this info string. */
function blocks(info: string): string[] {
  return page.split("```").filter((_, i) => i % 2 === 1)
    .filter((block) => block.startsWith(`${info}\n`))
    .map((block) => block.slice(info.length + 1));
}

Deno.test("the table of close codes is the code's", () => {
  const expected = Object.values(CLOSE).toSorted((a, b) => a.code - b.code)
    .map((
      { code, name, reconnect, meaning },
    ) => [`${code}`, `\`${name}\``, reconnect ? "yes" : "no", meaning]);
  assertEquals(table("Code", "Name", "Reconnect", "Meaning"), expected);
});

Deno.test("the table of limits is the code's, and marks those that welcome announces", () => {
  const found = table("Limit", "Value").map(([name, value, , announced]) =>
    [name, value, announced] as const
  );
  const numbers = Object.entries(limits).filter(([, value]) => typeof value === "number");
  assertEquals(
    Object.fromEntries(found.map(([name, value]) => [name, Number(value!.replaceAll(",", ""))])),
    Object.fromEntries(numbers),
  );
  const welcome = blocks("json gateway-to-device").join("").split("\n").find((line) =>
    line.includes('"welcome"')
  );
  const announced = JSON.parse(welcome!).limits as Record<string, number>;
  const marked = found.filter(([, , mark]) => mark !== "");
  assertEquals(
    Object.fromEntries(
      marked.map(([, value, mark]) => [mark!.replaceAll("`", ""), Number(value!.replaceAll(",", ""))]),
    ),
    announced,
  );
});

Deno.test("the worked frames are what the codec reads and writes", () => {
  const [example] = blocks("hex batch");
  // Each line: bytes, then at least two blanks and an explanation.
  const frame = unhex(example!.split("\n").map((line) => line.split("  ")[0]).join(""));
  const reader = new BatchReader();
  reader.open(frame);
  const read = [];
  while (reader.next()) {
    const { channel, sequence, timeUs, start, end } = reader;
    read.push([channel, sequence, timeUs, hex(frame.subarray(start, end))]);
  }
  assertEquals(read, [
    [1, 1, 1_700_000_000_000_000, "0000c03f"],
    [2, 300, 1_700_000_000_000_250, "6f6b"],
  ]);
  const ack = unhex(blocks("hex ack")[0]!);
  assertEquals(decodeAck(ack), [{ channel: 2, sequence: 300 }, { channel: 7, sequence: 5 }]);
  assertEquals(hex(encodeAck(decodeAck(ack))), hex(ack));
  const [state] = blocks("hex state");
  const sections: string[] = [];
  const bytes = unhex(state!.split("\n").map((line) => line.split("  ")[0]).join(""));
  assertEquals(readState(bytes, (batch) => sections.push(hex(batch))), 300);
  assertEquals(sections, [hex(bytes.subarray(4))]);
  const [differences] = blocks("hex differences");
  const worked = differences!.split("\n").map((line) => line.split("  ")[0]).join("").replaceAll(" ", "");
  assert(LANES[0]!.messages.some(({ bytes }) => bytes === worked));
  const confirmed: number[] = [];
  confirmedNumbers(decodeConfirmation(unhex(blocks("hex confirmation")[0]!)), (one) => confirmed.push(one));
  assertEquals(confirmed, [300, 299, 297]);
});

for (const [direction, parse] of Object.entries(PARSERS)) {
  Deno.test(`every message of ${direction} has an example, which parses to itself`, () => {
    const own = blocks(`json ${direction}`);
    const examples = [...own, ...blocks("json both")].join("").trim().split("\n");
    const types = new Set(examples.map((example) => {
      assertEquals(parse(example) as unknown, JSON.parse(example));
      return (JSON.parse(example) as { type: string }).type;
    }));
    assertEquals([...types].toSorted(), [...MESSAGE_TYPES[direction as keyof typeof PARSERS]].toSorted());
  });
}

Deno.test("every encoding, field type, gap reason and skip reason is named", () => {
  const encodings = table("Encoding", "Payload").map(([name]) => name);
  assertEquals(encodings.toSorted(), ENCODINGS.map((name) => `\`${name}\``).toSorted());
  for (const name of FIELD_TYPES) assert(page.includes(`\`${name}\``), name);
  for (const name of GAP_REASONS) assert(page.includes(`\`"${name}"\``), name);
  for (const name of SKIP_REASONS) assert(page.includes(`\`${name}\``), name);
});

Deno.test("every link within the page leads to a heading", () => {
  const slug = (heading: string) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-");
  const anchors = new Set(
    page.split("\n").filter((line) => line.startsWith("#"))
      .map((line) => slug(line.replace(/^#+ /, ""))),
  );
  for (const [, anchor] of page.matchAll(/\]\(#([^)]+)\)/g)) assert(anchors.has(anchor!), `#${anchor}`);
});
