import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  connectDashboard,
  type Gap,
  RefusedError,
  type Sample,
  UnknownOutcomeError,
} from "../../client/mod.ts";
import type { ChannelAnnouncement, Subscribe } from "../../protocol/control.ts";
import { welcome } from "../support/welcome.ts";
import { type FakeConnection, FakeNet, settle } from "./fake_net.ts";

const CPU: ChannelAnnouncement = {
  channel: 7,
  topic: "d1/cpu",
  class: "state",
  encoding: "f64",
  writable: false,
  epoch: "gw.1",
};
const LOG: ChannelAnnouncement = { ...CPU, channel: 8, topic: "d1/log", class: "event", encoding: "raw" };
const TARGET: ChannelAnnouncement = { ...CPU, channel: 9, topic: "d1/target", writable: true };

/** Welcomes, answers clocks, and gives each subscription the feed `id * 10`. */
function setUp() {
  const net = new FakeNet();
  const gateway = { epoch: "gw.1", feeds: true };
  net.onConnect = (connection: FakeConnection) => {
    connection.onMessage = (message) => {
      if (message.type === "hello") {
        connection.send(welcome(net.time.us, { epoch: gateway.epoch, rights: { read: ["#"], write: [] } }));
      }
      if (message.type === "clock") connection.send({ type: "clock_reply", t: message.t, at: net.time.us });
      if (message.type === "subscribe" && gateway.feeds) {
        connection.send({ type: "subscribed", id: message.id, feed: message.id * 10, live: true });
        connection.send({ type: "channels", channels: [CPU, LOG, TARGET] });
      }
    };
    connection.accept();
  };
  const dash = connectDashboard({ url: "http://gw", token: "t", environment: net.environment });
  const send = (feed: number, channel: number, ...offsets: number[]) =>
    net.connection.batch(
      feed,
      offsets.map((sequence) => ({
        channel,
        sequence,
        timeUs: net.time.us,
        payload: channel === 7
          ? new Uint8Array(new Float64Array([sequence]).buffer)
          : new Uint8Array([sequence]),
      })),
    );
  return { net, gateway, dash, send };
}

/** Collects what a subscription gets. */
function collector() {
  const samples: Sample[] = [];
  const gaps: Gap[] = [];
  return {
    samples,
    gaps,
    offsets: () => samples.map((sample) => sample.offset),
    onSample: (sample: Sample) => void samples.push(sample),
    onGap: (gap: Gap) => void gaps.push(gap),
  };
}

Deno.test("a subscription gets its samples with their channel, value, time and measured delay", async () => {
  const { net, dash, send } = setUp();
  const got = collector();
  const channels: string[] = [];
  dash.subscribe(["d1/#", "+/cpu"], {
    maxHz: 10,
    maxStaleMs: 200,
    from: "live",
    ...got,
    onChannel: (channel) => channels.push(channel.topic),
  });
  await net.time.advance(50);
  assertEquals(net.connection.last("subscribe"), {
    type: "subscribe",
    id: 1,
    patterns: ["d1/#", "+/cpu"],
    from: "live",
    maxHz: 10,
    maxStaleMs: 200,
  });
  send(10, 7, 1, 2);
  await net.time.advance(5);
  const [first, second] = got.samples;
  assertEquals([first!.topic, first!.value, first!.epoch, first!.recorded], ["d1/cpu", 1, "gw.1", false]);
  assertEquals(second!.payload.length, 8);
  assertEquals(dash.delayMs(second!), 5);
  assertEquals(channels, ["d1/cpu", "d1/log", "d1/target"]);
  assertEquals([...dash.channels.keys()], channels);
  assertEquals(dash.rights, { read: ["#"], write: [] });
});

Deno.test("after a short break every topic goes on behind what came, others from the moment of the break", async () => {
  const { net, dash, send } = setUp();
  const got = collector();
  const sub = dash.subscribe("#", got);
  await net.time.advance(50);
  send(10, 7, 1, 2);
  send(10, 8, 1, 2, 3);
  await net.time.advance(15_000);
  net.connection.cut();
  const cutUs = net.time.us;
  await net.time.advance(2_000);
  const from = net.connection.last("subscribe")!.from as Exclude<Subscribe["from"], string | undefined>;
  assertEquals(from.positions, {
    "d1/cpu": { epoch: "gw.1", offset: 2 },
    "d1/log": { epoch: "gw.1", offset: 3 },
  });
  assert(from.time! <= cutUs && from.time! > cutUs - 15_100_000);
  send(10, 8, 2, 3, 4, 5);
  await net.time.advance(10);
  assertEquals(got.samples.filter((sample) => sample.topic === "d1/log").map((sample) => sample.offset), [
    1,
    2,
    3,
    4,
    5,
  ]);
  assertEquals(got.gaps, []);
  assertEquals(sub.positions["d1/log"], { epoch: "gw.1", offset: 5 });
});

Deno.test("after a long break state begins with its newest value, events go on behind what came or from the break", async () => {
  const { net, dash, send } = setUp();
  dash.subscribe("#", collector());
  await net.time.advance(50);
  send(10, 7, 1);
  send(10, 8, 3);
  await net.time.advance(50);
  const serve = net.onConnect;
  net.onConnect = (connection) => net.time.timer(() => connection.cut(), 1);
  net.connection.cut();
  const cutUs = net.time.us;
  await net.time.advance(120_000);
  net.onConnect = serve;
  await net.time.advance(20_000);
  const from = net.connection.last("subscribe")!.from as Exclude<Subscribe["from"], string | undefined>;
  const { time, ...rest } = from;
  assertEquals(rest, { state: "newest", positions: { "d1/log": { epoch: "gw.1", offset: 3 } } });
  assert(time! <= cutUs && time! > cutUs - 15_100_000);
});

Deno.test("a relative time means the same moment on every connection", async () => {
  const { net, dash } = setUp();
  const got = collector();
  dash.subscribe("#", { from: { time: -600_000_000 }, ...got });
  await net.time.advance(50);
  const startUs = net.time.us;
  assertEquals(net.connection.last("subscribe")!.from, { time: -600_000_000 });
  await net.time.advance(100_000);
  net.connection.cut();
  await net.time.advance(1_000);
  const from = net.connection.last("subscribe")!.from as { time: number };
  assert(Math.abs(from.time - (startUs - 600_000_000)) < 100_000);
});

Deno.test("batches of a new feed belong to the subscription from its announcement on, those of others do not", async () => {
  const { net, dash, send } = setUp();
  const got = collector();
  const sub = dash.subscribe("d1/log", got);
  await net.time.advance(50);
  send(10, 8, 1);
  send(99, 8, 2);
  net.connection.send({ type: "subscribed", id: 1, feed: 99, live: false });
  send(10, 8, 2);
  send(99, 8, 2, 3);
  await net.time.advance(10);
  assertEquals(got.offsets(), [1, 2, 3]);
  assertEquals(sub.live, false);
});

Deno.test("two subscriptions on one feed each get every sample", async () => {
  const { net, dash, send } = setUp();
  const a = collector();
  const b = collector();
  dash.subscribe("#", a);
  const second = dash.subscribe("#", b);
  await net.time.advance(50);
  net.connection.send({ type: "subscribed", id: 2, feed: 10, live: true });
  send(10, 8, 1);
  await net.time.advance(10);
  assertEquals([a.offsets(), b.offsets()], [[1], [1]]);
  second.unsubscribe();
  send(10, 8, 2);
  await net.time.advance(10);
  assertEquals([a.offsets(), b.offsets()], [[1, 2], [1]]);
  assertEquals(net.connection.last("unsubscribe"), { type: "unsubscribe", id: 2 });
});

Deno.test("a new epoch counts from 1 again", async () => {
  const { net, gateway, dash, send } = setUp();
  const got = collector();
  dash.subscribe("#", got);
  await net.time.advance(50);
  send(10, 8, 8, 9);
  await net.time.advance(10);
  gateway.epoch = "gw.2";
  gateway.feeds = false;
  net.connection.cut();
  await net.time.advance(1_000);
  net.connection.send({ type: "subscribed", id: 1, feed: 5, live: true });
  net.connection.send({ type: "channels", channels: [{ ...LOG, epoch: "gw.2", channel: 3 }] });
  send(5, 8, 10);
  send(5, 3, 1, 2);
  await net.time.advance(10);
  assertEquals(got.samples.map((sample) => [sample.epoch, sample.offset]), [
    ["gw.1", 8],
    ["gw.1", 9],
    ["gw.2", 1],
    ["gw.2", 2],
  ]);
  assertEquals(got.gaps, []);
});

Deno.test("gaps are told, and a jump without a word is told too", async () => {
  const { net, dash, send } = setUp();
  const got = collector();
  dash.subscribe("d1/log", got);
  await net.time.advance(50);
  send(10, 8, 1);
  net.connection.send({ type: "gap", topic: "d1/log", epoch: "gw.1", from: 2, to: 4, reason: "retention" });
  send(10, 8, 5, 8);
  await net.time.advance(10);
  assertEquals(got.gaps, [
    { topic: "d1/log", epoch: "gw.1", from: 2, to: 4, reason: "retention" },
    { topic: "d1/log", epoch: "gw.1", from: 6, to: 7, reason: "unannounced" },
  ]);
  assertEquals(got.offsets(), [1, 5, 8]);
});

Deno.test("skipped samples and refusals reach their subscription", async () => {
  const { net, dash } = setUp();
  const told: unknown[] = [];
  const sub = dash.subscribe("#", {
    onSample: () => {},
    onSkipped: (counts) => told.push(counts),
    onError: (code) => told.push(code),
  });
  await net.time.advance(50);
  net.connection.send({ type: "skipped", id: 1, counts: { rate: 3, stale: 1 } });
  net.connection.send({ type: "error", code: "forbidden", message: "no", ref: { id: 1, type: "subscribe" } });
  await net.time.advance(10);
  assertEquals(told, [{ rate: 3, stale: 1 }, "forbidden"]);
  assertEquals(sub.skipped, { rate: 3, stale: 1 });
});

Deno.test("an iterator gets samples in order, newest state first to last, and ends with the subscription", async () => {
  const { net, dash, send } = setUp();
  const sub = dash.subscribe("#");
  await net.time.advance(50);
  send(10, 7, 1, 2, 3);
  send(10, 8, 1, 2);
  await net.time.advance(10);
  const seen: [string, number][] = [];
  for await (const sample of sub) {
    seen.push([sample.topic, sample.offset]);
    if (seen.length === 3) break;
  }
  assertEquals(seen, [["d1/cpu", 3], ["d1/log", 1], ["d1/log", 2]]);
  assertEquals(sub.conflated, 2);
  await net.time.advance(10);
  assertEquals(net.connection.all("unsubscribe").length, 1);
});

Deno.test("a slow iterator pauses at the gateway and goes on where it was, losing no event", async () => {
  const { net, dash, send } = setUp();
  const sub = dash.subscribe("d1/log", { queueBytes: 500 });
  await net.time.advance(50);
  send(10, 8, 1, 2, 3, 4, 5, 6, 7, 8);
  await net.time.advance(10);
  assertEquals(net.connection.all("unsubscribe").length, 1);
  assertEquals(sub.paused, true);
  const seen: number[] = [];
  const iterator = sub[Symbol.asyncIterator]();
  const read = async () => seen.push((await iterator.next()).value!.offset);
  for (let i = 0; i < 4; i++) await read();
  await net.time.advance(10);
  const again = net.connection.last("subscribe")!;
  assertEquals(again.id, 2);
  assertEquals((again.from as { positions: unknown }).positions, { "d1/log": { epoch: "gw.1", offset: 6 } });
  send(10, 8, 9);
  await net.time.advance(10);
  send(20, 8, 7, 8, 9);
  await net.time.advance(10);
  for (let i = 0; i < 5; i++) await read();
  assertEquals(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("closing ends iterators with the reason", async () => {
  const { net, dash } = setUp();
  const sub = dash.subscribe("#");
  await net.time.advance(50);
  const next = sub[Symbol.asyncIterator]().next();
  dash.close("enough");
  await assertRejects(() => next, Error, "enough");
  assertThrows(() => dash.subscribe("#"), Error, "enough");
});

Deno.test("a pattern that is not valid is refused at once", () => {
  const { dash } = setUp();
  assertThrows(() => dash.subscribe("a/#/b"), TypeError, "must fill");
});

Deno.test("a write carries bytes of the channel's encoding and resolves to the gateway's word", async () => {
  const { net, dash } = setUp();
  dash.subscribe("#", { onSample: () => {} });
  await net.time.advance(50);
  const known = dash.write("d1/target", 21.5, { timeoutMs: 1_000 });
  const unknown = dash.write("d2/x", { a: 1 });
  await net.time.advance(10);
  assertEquals(net.connection.all("write"), [
    { type: "write", id: 1, topic: "d1/target", base64: "AAAAAACANUA=", timeoutMs: 1_000 },
    { type: "write", id: 2, topic: "d2/x", value: { a: 1 }, timeoutMs: 10_000 },
  ]);
  net.connection.send({ type: "result", id: 1, status: "accepted" });
  net.connection.send({
    type: "error",
    code: "forbidden",
    message: "may not",
    ref: { id: 2, type: "write" },
  });
  await net.time.advance(10);
  assertEquals(await known, { status: "accepted" });
  await assertRejects(() => unknown, RefusedError, "forbidden: may not");
});

Deno.test("a write waits for the connection, and its outcome is unknown when the connection breaks", async () => {
  const { net, dash } = setUp();
  const early = dash.write("d1/target", new Uint8Array([1]));
  await net.time.advance(50);
  assertEquals(net.connection.all("write").length, 1);
  net.connection.cut();
  await assertRejects(() => early, UnknownOutcomeError, "connection lost");
  const late = dash.write("d1/target", new Uint8Array([1]), { timeoutMs: 1_000 });
  net.onConnect = () => {};
  await net.time.advance(10_000);
  await assertRejects(() => late, UnknownOutcomeError, "was not sent");
});

Deno.test("a callback that throws harms no other subscription", async () => {
  const { net, dash, send } = setUp();
  const faults: unknown[] = [];
  // What a microtask throws is uncaught, and how that is told differs between runtimes.
  const { queueMicrotask } = globalThis;
  globalThis.queueMicrotask = (task) =>
    queueMicrotask(() => {
      try {
        task();
      } catch (error) {
        faults.push((error as Error).message);
      }
    });
  const got = collector();
  dash.subscribe("#", {
    onSample: () => {
      throw new Error("my fault");
    },
  });
  dash.subscribe("#", got);
  await net.time.advance(50);
  net.connection.send({ type: "subscribed", id: 2, feed: 10, live: true });
  send(10, 8, 1);
  await net.time.advance(10);
  await settle();
  globalThis.queueMicrotask = queueMicrotask;
  assertEquals(got.offsets(), [1]);
  assertEquals(faults, ["my fault"]);
});
