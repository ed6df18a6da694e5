import { assertEquals } from "@std/assert";
import { GATHER_MS, Gathering } from "../../bench/load/gather.ts";
import { LEAST, MOST, Window } from "../../bench/load/window.ts";

Deno.test("a window is open until as much is under way as may be, and again when some has arrived", () => {
  const window = new Window(2);
  assertEquals(window.open(LEAST - 1, 0, 1), true);
  assertEquals(window.open(LEAST, 0, 2), false);
  assertEquals(window.open(LEAST, 1, 3), true);
});

Deno.test("a window fits what arrives in a tenth of a second", () => {
  const window = new Window(1);
  window.open(0, 0, 1);
  window.open(LEAST, 1_500, 51);
  assertEquals([window.open(1_500 + 2_999, 1_500, 52), window.open(1_500 + 3_000, 1_500, 53)], [true, false]);
  window.open(200_000, 101_500, 101);
  assertEquals(window.open(101_500 + MOST, 101_500, 102), false);
  assertEquals(window.open(101_500 + MOST - 1, 101_500, 103), true);
});

Deno.test("a window counts as lost what has not come when nothing comes any more", () => {
  const window = new Window(1);
  assertEquals(window.open(LEAST + 5, 5, 1), false);
  assertEquals(window.open(LEAST + 5, 5, 251), false);
  assertEquals([window.open(LEAST + 5, 5, 252), window.lost], [true, LEAST]);
  assertEquals(window.open(LEAST + 6, 5, 253), true);
});

Deno.test("arrivals gather while the generator is busy, and no longer once it is idle", () => {
  const gathering = new Gathering();
  const pass = (fromMs: number, idle: number) => {
    for (let ms = fromMs; ms <= fromMs + 50; ms++) gathering.waited(ms, idle);
    return gathering.on;
  };
  assertEquals(pass(100, 0.9), false);
  assertEquals(pass(200, 0.1), true);
  assertEquals(pass(300, 0.5), true); // reading less often made it less busy: that is no reason to stop
  assertEquals(pass(400, 0.9), false);
  assertEquals(GATHER_MS < 1, true);
});
