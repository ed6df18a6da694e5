import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { progress } from "../../cli/commands/simulate.ts";
import { Fleet, type FleetDevice } from "../../cli/simulate/fleet.ts";
import { due, tickMs } from "../../cli/simulate/pace.ts";
import { payloadMaker, SHAPES } from "../../cli/simulate/payload.ts";
import { decodeValue } from "../../client/value.ts";
import { tidegate } from "./support.ts";

Deno.test("payloadMaker makes exactly the bytes asked for, decodable as declared, the same for the same sample", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 200 }),
      fc.constantFrom(...SHAPES),
      fc.nat(99),
      (bytes, shape, seed) => {
        const [a, b] = [payloadMaker(bytes, shape, seed), payloadMaker(bytes, shape, seed)];
        for (let i = 0; i < 5; i++) {
          const payload = a.make(i, i / 10).slice();
          assertEquals(payload.length, bytes);
          assertEquals(payload, b.make(i, i / 10));
          if (a.encoding !== "raw") assert(decodeValue(payload, a.encoding, a.fields) !== undefined);
        }
      },
    ),
  );
});

Deno.test("payloadMaker counts, swings and wanders", () => {
  const read = (shape: typeof SHAPES[number], sample: number, seconds: number) =>
    new DataView(payloadMaker(8, shape, 0).make(sample, seconds).slice().buffer).getFloat64(0, true);
  assertEquals(read("counter", 7, 0), 7);
  assertAlmostEquals(read("sine", 0, 2.5), 1);
  const walk = payloadMaker(8, "random", 3);
  for (let i = 0; i < 1000; i++) {
    const value = new DataView(walk.make(i, 0).slice().buffer).getFloat64(0, true);
    assert(Math.abs(value) < 50, `walked off to ${value}`);
  }
});

Deno.test("due sends every sample exactly once at any pace of ticks", () => {
  fc.assert(fc.property(
    fc.array(fc.double({ min: 0, max: 0.9, noNaN: true }), { minLength: 1, maxLength: 50 }),
    fc.double({ min: 1.2, max: 1000, noNaN: true }),
    fc.double({ min: 0, max: 0.99, noNaN: true }),
    (steps, rate, phase) => {
      let at = 0;
      let done = 0;
      for (const step of steps) {
        at += step;
        const { send, skip } = due(at, rate, phase, done);
        assert(send >= 0 && skip >= 0);
        done += send + skip;
      }
      assertEquals(done, Math.floor(at * rate + phase));
    },
  ));
});

Deno.test("due leaves samples out after a stall instead of sending a burst", () => {
  assertEquals(due(10, 100, 0, 0), { send: 100, skip: 900 });
  assertEquals(due(0.5, 100, 0, 0), { send: 50, skip: 0 });
  assertEquals(due(0, 100, 0, 5), { send: 0, skip: 0 });
  assertEquals(due(100, 0.1, 0, 0), { send: 1, skip: 9 });
});

Deno.test("tickMs is neither busy nor sluggish", () => {
  assertEquals(tickMs(1, 1), 100);
  assertEquals(tickMs(1, 50), 20);
  assertEquals(tickMs(1000, 1000), 4);
});

/** A device whose publishes the test settles. */
function fakeDevice(outcome: () => boolean | Promise<number>) {
  const device = {
    sent: 0,
    closed: false,
    status: { state: "open" },
    stats: { conflatedSamples: 2 },
    opened: () => Promise.resolve(),
    close() {
      device.closed = true;
      return Promise.resolve();
    },
    channel: () => ({
      publish() {
        device.sent++;
        return outcome();
      },
    }),
  };
  return device;
}

Deno.test("fleet sends at its rate and counts what is confirmed, refused and conflated", async () => {
  const outcomes = [() => Promise.resolve(1), () => Promise.reject(new Error("full"))];
  const devices = outcomes.map(fakeDevice);
  const fleet = new Fleet(devices as unknown as FleetDevice[], {
    rateHz: 10,
    bytes: 8,
    deliveryClass: "event",
    shape: "counter",
  });
  await fleet.opened();
  fleet.tick(0.5);
  fleet.tick(0.5);
  assertEquals(devices.map(({ sent }) => sent), [5, 5]);
  await fleet.close();
  assertEquals(fleet.counts, {
    devices: 2,
    open: 2,
    sent: 10,
    acked: 5,
    failed: 5,
    conflated: 4,
    skipped: 0,
  });
  assertEquals(devices.every(({ closed }) => closed), true);
});

Deno.test("fleet sends nothing over a connection that is down", () => {
  const device = fakeDevice(() => true);
  device.status.state = "waiting";
  const fleet = new Fleet([device as unknown as FleetDevice], {
    rateHz: 10,
    bytes: 8,
    deliveryClass: "state",
    shape: "sine",
  });
  fleet.tick(1);
  assertEquals([device.sent, fleet.counts.open], [0, 0]);
});

Deno.test("progress shows rates since the last line, and losses only where there are any", () => {
  const before = { devices: 5, open: 5, sent: 100, acked: 90, failed: 0, conflated: 0, skipped: 0 };
  const now = { ...before, sent: 350, acked: 290 };
  const line = progress(now, before, 0.5, 12_000, { deliveryClass: "event" });
  assertEquals(line, "12s     5/5 connected  sent 500/s  acked 400/s  total 350");
  const state = progress({ ...now, conflated: 3 }, before, 0.5, 12_000, { deliveryClass: "state" });
  assertEquals(state, "12s     5/5 connected  sent 500/s  total 350  conflated 3");
});

Deno.test("simulate refuses to take over a device that is not simulated", async () => {
  const asked: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    asked.push(request.method);
    return Response.json({ devices: [{ name: "sim-2", description: "the real one" }] });
  });
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    const { code, err } = await tidegate(["simulate", "--devices", "3", "--url", url, "--token", "t"]);
    assertEquals([code, asked], [1, ["GET"]]);
    assertStringIncludes(err[0]!, "device sim-2 exists and is not a simulated one");
  } finally {
    await server.shutdown();
  }
});
