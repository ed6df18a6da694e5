import { assertEquals } from "@std/assert";
import { Turns } from "../../dashboards/turns.ts";
import { settle } from "../support/world.ts";

Deno.test("only so many have their turn at a time, the others in the order in which they came", async () => {
  const turns = new Turns(2);
  const running: number[] = [];
  const ends: (() => void)[] = [];
  const work = (id: number) => () => {
    running.push(id);
    return new Promise<void>((end) => ends.push(end));
  };
  const all = [1, 2, 3, 4].map((id) => turns.take(work(id)));
  assertEquals(running, [1, 2]);
  ends[1]!();
  await settle();
  assertEquals(running, [1, 2, 3]);
  for (const end of ends) end();
  await settle();
  ends[3]!();
  await Promise.all(all);
  assertEquals(running, [1, 2, 3, 4]);
});

Deno.test("work that fails gives its turn on", async () => {
  const turns = new Turns(1);
  const failed = turns.take(() => Promise.reject(new Error("no"))).catch((error) => error.message);
  assertEquals(await turns.take(() => Promise.resolve(7)), 7);
  assertEquals(await failed, "no");
});
