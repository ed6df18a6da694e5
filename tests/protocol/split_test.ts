import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseDeviceMessage, parseToDevice } from "../../protocol/control.ts";
import { MAX_CONTROL_BYTES } from "../../protocol/limits.ts";
import { inMessages } from "../../protocol/split.ts";
import { utf8Length } from "../../protocol/utf8.ts";

Deno.test("inMessages keeps every item in order, and every message of more than one within its bytes", () => {
  const items = fc.array(fc.oneof(fc.nat(), fc.string({ unit: "grapheme" })));
  fc.assert(fc.property(items, fc.integer({ min: 0, max: 200 }), (items, maxBytes) => {
    const found: unknown[] = [];
    for (const text of inMessages("t", "l", items, maxBytes)) {
      const message = JSON.parse(text) as { type: string; l: unknown[] };
      assertEquals(message.type, "t");
      assert(utf8Length(text) <= maxBytes || message.l.length <= 1);
      found.push(...message.l);
    }
    assertEquals(found, items);
  }));
});

Deno.test("inMessages makes one message of an empty list", () => {
  const texts = [...inMessages("advertise", "channels", [])];
  assertEquals(texts.map(parseDeviceMessage), [{ type: "advertise", channels: [] }]);
});

Deno.test("the answer to as many channels as a device may have is messages that its parser takes", () => {
  const channels = Array.from(
    { length: 4_096 },
    (_, channel) => ({ channel, topic: `d/${"é".repeat(126)}`, last: 0 }),
  );
  const texts = [...inMessages("advertised", "channels", channels)];
  assert(texts.length > 1 && texts.every((text) => utf8Length(text) <= MAX_CONTROL_BYTES));
  let count = 0;
  for (const text of texts) {
    const message = parseToDevice(text);
    if (message?.type === "advertised") count += message.channels.length;
  }
  assertEquals(count, 4_096);
});
