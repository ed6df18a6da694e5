/** The window of unacknowledged messages. */
import { assertEquals } from "@std/assert";
import { Window } from "../../mqtt/bridge/window.ts";

function passing(size: number): { window: Window; passed: number[] } {
  const passed: number[] = [];
  return { window: new Window(size, (_topic, { offset }) => passed.push(offset)), passed };
}

const at = (offset: number) => ({ epoch: "gw.1", offset });

Deno.test("a place is given up only when everything before it is acknowledged", () => {
  const { window, passed } = passing(10);
  const [first, second] = [window.sent(1, at(1)), window.sent(1, at(2))];
  window.skip(1, at(5));
  second();
  assertEquals(passed, []);
  first();
  first();
  assertEquals(passed, [1, 2, 5]);
});

Deno.test("a full window makes room with each acknowledgement", async () => {
  const { window } = passing(1);
  const acked = window.sent(1, at(1));
  assertEquals(window.full, true);
  const room = window.room();
  acked();
  assertEquals(await room, true);
});

Deno.test("a closed window lets those who wait go, and takes no late acknowledgement", async () => {
  const { window, passed } = passing(1);
  const acked = window.sent(1, at(1));
  const room = window.room();
  window.close();
  assertEquals(await room, false);
  acked();
  assertEquals(passed, []);
});
