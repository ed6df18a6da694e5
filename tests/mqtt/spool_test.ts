/** What waits for a broker, and what goes when it is too much. */
import { assert, assertEquals } from "@std/assert";
import { Spool } from "../../mqtt/bridge/spool.ts";
import { eachForm, packedAlike, uniqueName } from "../support/each_form.ts";
import { assertComplete, bridges, eventDevice, INDEPENDENT, numbersIn, sendEvents } from "./event_device.ts";
import { DURABLE, MosquittoBroker, MosquittoSub } from "./mosquitto.ts";
import { acknowledged, ready } from "./readiness.ts";

const MAX = 65_536, PAYLOAD = 1_008; // 1,024 bytes with what an event counts beside

Deno.test("a spool gives up its oldest events, of whichever topic, and knows which", () => {
  const spool = new Spool(MAX);
  for (let i = 1; i <= 32; i++) for (const topic of [1, 2]) spool.add(topic, "gw.1", i, PAYLOAD);
  assertEquals(spool.bytes, MAX);
  assertEquals(spool.trim(() => 0), []);
  spool.add(2, "gw.1", 33, PAYLOAD);
  assertEquals(spool.trim(() => 0), [{ topic: 1, epoch: "gw.1", from: 1, to: 4 }]);
  assert(spool.isGivenUp(1, "gw.1", 4) && !spool.isGivenUp(1, "gw.1", 5) && !spool.isGivenUp(2, "gw.1", 1));
  assertEquals(spool.bytes, MAX - 3 * 1_024);
});

Deno.test("what has arrived counts no more, and what is on its way is not given up", () => {
  const spool = new Spool(MAX);
  for (let i = 1; i <= 64; i++) spool.add(1, "gw.1", i, PAYLOAD);
  spool.passed(1, { epoch: "gw.1", offset: 10 });
  assertEquals(spool.bytes, 56 * 1_024);
  for (let i = 65; i <= 73; i++) spool.add(1, "gw.1", i, PAYLOAD);
  assertEquals(spool.trim(() => 14), [{ topic: 1, epoch: "gw.1", from: 15, to: 16 }]);
  spool.passed(1, { epoch: "gw.1", offset: 73 });
  assertEquals(spool.bytes, 0);
});

Deno.test("what earlier runs left goes first, and is passed with the run that follows it", () => {
  const [earlier, spool] = [new Spool(MAX), new Spool(MAX)];
  for (let i = 1; i <= 40; i++) earlier.add(1, "gw.1", i, PAYLOAD);
  for (let i = 1; i <= 30; i++) spool.add(1, "gw.2", i, PAYLOAD);
  spool.precede(earlier);
  assertEquals(spool.trim(() => 0), [
    { topic: 1, epoch: "gw.1", from: 1, to: 4 },
    { topic: 1, epoch: "gw.1", from: 5, to: 8 },
  ]);
  spool.passed(1, { epoch: "gw.1", offset: 8 });
  assertEquals(spool.bytes, 62 * 1_024);
  spool.passed(1, { epoch: "gw.2", offset: 30 });
  assertEquals(spool.bytes, 0);
});

eachForm(({ form, alone }) => {
  if (packedAlike(form)) return;

  alone(
    "a spool that is full loses its oldest events, says which, and goes on, over a restart too",
    async (start) => {
      await using broker = await MosquittoBroker.start(DURABLE);
      const [older, newer] = [uniqueName("dev"), uniqueName("dev")];
      const bridge = { name: "small", url: `mqtt://127.0.0.1:${broker.port}`, spoolMaxBytes: 65_536 };
      const args = [...bridges(bridge), "--mqtt-name", "gw"];
      let gateway = await start({ args });
      await ready(gateway);
      const login = { port: broker.port, args: INDEPENDENT };
      await using sub = await MosquittoSub.start(login, "tidegate/gw/+/event");
      const device = await eventDevice(gateway, older);
      await sendEvents(device, 1, 10);
      await sub.until((line) => line.endsWith("/event 10"));
      await acknowledged(gateway, 10); // the subscriber may have it before the gateway knows
      await broker.stop();
      // A number is about 20 bytes with what an event counts beside: some 3,200 of them fit.
      await sendEvents(device, 11, 2_500);
      await gateway.kill();
      gateway = await start({ args, data: gateway.data });
      await sendEvents(await eventDevice(gateway, newer), 1, 2_500);
      await broker.restart();
      for (const name of [older, newer]) await sub.until((line) => line.endsWith(`/${name}/event 2500`));
      assertEquals(assertComplete(numbersIn(sub, newer), 2_500), 0);
      const numbers = [...new Set(numbersIn(sub, older))];
      const first = numbers[10]!;
      const expected = [...count(1, 10), ...count(first, 2_500)];
      assertEquals(numbers, expected);
      const lost = first - 11;
      assert(lost > 1_000 && lost < 2_300, `${lost} events were given up`);
      const answer = await fetch(`${gateway.url}/metrics`, {
        headers: { authorization: `Bearer ${gateway.token}` },
      });
      const metrics = await answer.text();
      assertEquals(/bridge_events_lost_total\{[^}]*\} (\d+)/.exec(metrics)?.[1], String(lost));
      assert(metrics.includes('reason="spool_full"'), metrics);
      await gateway.stop();
      // Told every two seconds, so a slow machine hears of several ranges.
      const told = new RegExp(
        `events (\\d+) to (\\d+) of ${older}/event.*more than spoolMaxBytes waited`,
        "g",
      );
      const ranges = [...gateway.diagnosis().matchAll(told)].map(([, from, to]) =>
        count(Number(from), Number(to))
      );
      assertEquals(ranges.flat(), count(11, first - 1));
    },
  );
});

function count(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
