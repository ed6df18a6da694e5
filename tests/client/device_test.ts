import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { BatchWriter } from "../../protocol/batch.ts";
import { decodeAck } from "../../protocol/ack.ts";
import { BufferFullError, ClosedError, connectDevice, type DeviceOptions } from "../../client/mod.ts";
import { DroppedError, RefusedError } from "../../client/mod.ts";
import { FakeDeviceGateway } from "./fake_device_gateway.ts";
import { LIMITS } from "../support/welcome.ts";
import { FakeNet, samplesOf, settle } from "./fake_net.ts";

function setUp(options: DeviceOptions = {}) {
  const net = new FakeNet();
  const gateway = new FakeDeviceGateway(net);
  const device = connectDevice({
    url: "http://gw:8080",
    token: "tok",
    environment: net.environment,
    ...options,
  });
  return { net, gateway, device };
}

Deno.test("device offers the protocol and the token, and says hello with its producer and clock", async () => {
  const { net, device } = setUp({ client: "probe/1" });
  await net.time.advance(50);
  assertEquals(net.connection.url, "ws://gw:8080/v1/device");
  assertEquals(net.connection.protocols, ["tidegate.v1", "tidegate.token.tok"]);
  assertEquals(net.connection.messages[0], {
    type: "hello",
    protocol: 1,
    producer: "name1",
    clock: "gateway",
    client: "probe/1",
  });
  assertEquals(device.name, "d1");
  assertEquals(device.status.state, "open");
});

Deno.test("samples of one turn travel in one batch, and those within flushMs of it in the next", async () => {
  const { net, device } = setUp({ flushMs: 5 });
  const cpu = device.channel({ topic: "cpu", encoding: "f64" });
  await net.time.advance(100);
  for (let i = 0; i < 10; i++) assertEquals(cpu.publish(i), true);
  await net.time.advance(0);
  for (let i = 10; i < 15; i++) cpu.publish(i);
  await net.time.advance(2);
  cpu.publish(15);
  await net.time.advance(20);
  assertEquals(net.connection.frames.map((frame) => samplesOf(frame).length), [10, 6]);
  const values = net.connection.samples.map((sample) =>
    new DataView(sample.payload.buffer).getFloat64(0, true)
  );
  assertEquals(values, Array.from({ length: 16 }, (_, i) => i));
  assertEquals(net.connection.samples.map((sample) => sample.sequence), values.map((value) => value + 1));
});

Deno.test("samples carry the gateway's time within the announced error", async () => {
  const { net, gateway, device } = setUp();
  gateway.clockOffsetUs = -3_600_000_000;
  const cpu = device.channel({ topic: "cpu", encoding: "f64" });
  await net.time.advance(1_000);
  cpu.publish(1);
  cpu.publish(2, { timeUs: 1_700_000_000_000_000 });
  await net.time.advance(20);
  const [stamped, given] = gateway.state.get("cpu")!;
  assert(device.status.state === "open");
  assert(Math.abs(stamped!.timeUs - (gateway.nowUs() - 20_000)) <= device.status.clockErrorMs * 1000 + 1);
  assertEquals(given!.timeUs, 1_700_000_000_000_000);
});

Deno.test("state keeps only its newest value while there is no connection", async () => {
  const { net, gateway, device } = setUp();
  const cpu = device.channel({ topic: "cpu", encoding: "f32" });
  for (let i = 0; i < 5; i++) assertEquals(cpu.publish(i), false);
  await net.time.advance(100);
  assertEquals(gateway.state.get("cpu")!.length, 1);
  assertEquals(new DataView(gateway.state.get("cpu")![0]!.payload.buffer).getFloat32(0, true), 4);
  assertEquals(device.stats.conflatedSamples, 4);
});

Deno.test("the last state value arrives when the connection broke under it, and is not repeated when it had arrived", async () => {
  const { net, gateway, device } = setUp();
  const lost = device.channel({ topic: "lost" });
  const arrived = device.channel({ topic: "arrived" });
  await net.time.advance(1_000);
  arrived.publish(new Uint8Array([1]));
  await net.time.advance(15_000); // a clock exchange confirms it
  lost.publish(new Uint8Array([2]));
  await net.time.advance(1);
  net.connection.cut();
  await net.time.advance(1_000);
  assertEquals(gateway.state.get("lost")!.map((sample) => sample.payload[0]), [2]);
  assertEquals(gateway.state.get("arrived")!.map((sample) => sample.payload[0]), [1]);
});

Deno.test("a congested link makes state wait as its newest value, and ready() waits with it", async () => {
  const { net, gateway, device } = setUp({ flushMs: 0 });
  const cpu = device.channel({ topic: "cpu" });
  await net.time.advance(100);
  net.connection.buffered = 100_000;
  assertEquals(cpu.publish(new Uint8Array([1])), true);
  assertEquals(cpu.publish(new Uint8Array([2])), false);
  assertEquals(cpu.publish(new Uint8Array([3])), false);
  let ready = false;
  void device.ready().then(() => ready = true);
  await net.time.advance(50);
  assertEquals(ready, false);
  net.connection.buffered = 0;
  await net.time.advance(50);
  assertEquals(ready, true);
  assertEquals(gateway.state.get("cpu")!.map((sample) => sample.payload[0]), [1, 3]);
});

Deno.test("an event's promise resolves to its sequence when the gateway has it on disk", async () => {
  const { net, gateway, device } = setUp();
  const log = device.channel({ topic: "log", class: "event", encoding: "json" });
  await net.time.advance(100);
  const first = log.publish({ a: 1 });
  const second = log.publish({ a: 2 });
  await net.time.advance(20);
  assertEquals(device.stats.pendingEvents, 2);
  await net.time.advance(50);
  assertEquals([await first, await second], [1, 2]);
  assertEquals(gateway.disk.get("name1 log")!.length, 2);
  assertEquals(device.stats.pendingBytes, 0);
});

Deno.test("events published without a connection keep the time at which they happened", async () => {
  const net = new FakeNet();
  const device = connectDevice({ url: "http://gw", token: "t", environment: net.environment });
  const log = device.channel({ topic: "log", class: "event" });
  await net.time.advance(100);
  const happenedUs = net.time.us;
  void log.publish(new Uint8Array([1]));
  await net.time.advance(5_000);
  const gateway = new FakeDeviceGateway(net);
  gateway.clockOffsetUs = 7_000_000;
  net.connection.cut();
  await net.time.advance(2_000);
  const sample = net.connection.samples[0]!;
  assert(Math.abs(sample.timeUs - (happenedUs + gateway.clockOffsetUs)) < 10_000);
});

Deno.test("never more event bytes are unacknowledged than the gateway allows", async () => {
  const { net, gateway, device } = setUp();
  gateway.limits = { ...LIMITS, maxUnackedBytes: 10_000 };
  const log = device.channel({ topic: "log", class: "event" });
  await net.time.advance(100);
  const sent = Array.from({ length: 100 }, (_, i) => log.publish(new Uint8Array(1_000).fill(i)));
  await net.time.advance(10_000);
  assertEquals((await Promise.all(sent)).length, 100);
  assert(gateway.mostUnacked > 5_000 && gateway.mostUnacked <= 10_000, `${gateway.mostUnacked}`);
  assertEquals(gateway.stored("log"), Array.from({ length: 100 }, (_, i) => i));
});

Deno.test("a full event buffer rejects the publish by default", async () => {
  const { net, device } = setUp({ bufferBytes: 1_000 });
  const log = device.channel({ topic: "log", class: "event" });
  const kept = log.publish(new Uint8Array(900));
  await assertRejects(() => log.publish(new Uint8Array(900)), BufferFullError, "948 bytes of at most 1000");
  assertEquals(device.stats.overflowedEvents, 1);
  await net.time.advance(200);
  assertEquals(await kept, 1);
});

Deno.test("drop-oldest gives the room of the oldest unsent event to the newest, and its number shows the gap", async () => {
  const { net, gateway, device } = setUp({ bufferBytes: 300, overflow: "drop-oldest" });
  const log = device.channel({ topic: "log", class: "event" });
  const outcomes = Array.from({ length: 10 }, (_, i) => log.publish(new Uint8Array([i])));
  await net.time.advance(500);
  const results = await Promise.allSettled(outcomes);
  const dropped = results.filter((result) => result.status === "rejected");
  assertEquals(dropped.length, 4);
  assert(dropped.every((result) => result.reason instanceof DroppedError));
  assertEquals(gateway.stored("log"), [4, 5, 6, 7, 8, 9]);
  assertEquals(gateway.complaints, ["sequence 5 after 0"]); // a real gateway tells of the gap
  assertEquals(device.stats.overflowedEvents, 4);
});

Deno.test("ready() waits until half of the event buffer is free", async () => {
  const { net, gateway, device } = setUp({ bufferBytes: 10_000 });
  gateway.stalled = true;
  const log = device.channel({ topic: "log", class: "event" });
  await net.time.advance(100);
  for (let i = 0; i < 6; i++) void log.publish(new Uint8Array(1_000));
  let ready = false;
  void device.ready().then(() => ready = true);
  await net.time.advance(1_000);
  assertEquals(ready, false);
  gateway.stalled = false;
  net.connection.cut();
  await net.time.advance(2_000);
  assertEquals(ready, true);
});

Deno.test("a refused channel rejects its events, is reported, and harms no other channel", async () => {
  const errors: Error[] = [];
  const { net, gateway, device } = setUp({ onError: (error) => errors.push(error) });
  gateway.refused.add("bad");
  const bad = device.channel({ topic: "bad", class: "event" });
  const good = device.channel({ topic: "good", class: "event" });
  const before = bad.publish(new Uint8Array([1]));
  const fine = good.publish(new Uint8Array([2]));
  await net.time.advance(200);
  await assertRejects(() => before, RefusedError, "bad_channel");
  await assertRejects(() => bad.publish(new Uint8Array([1])), RefusedError);
  assertEquals(await fine, 1);
  assertEquals(bad.status.state, "refused");
  assertEquals(errors.length, 1);
});

Deno.test("a gateway that has forgotten a producer's events gets a new producer that counts from 1", async () => {
  const { net, gateway, device } = setUp();
  const log = device.channel({ topic: "log", class: "event" });
  await net.time.advance(100);
  void log.publish(new Uint8Array([1]));
  void log.publish(new Uint8Array([2]));
  await net.time.advance(100);
  gateway.disk.clear();
  net.connection.cut();
  const third = log.publish(new Uint8Array([3]));
  await net.time.advance(3_000);
  assertEquals(await third, 1);
  assertEquals([...gateway.disk.keys()], ["name2 log"]);
  assertEquals(gateway.complaints, []);
});

Deno.test("a storage that fails to take the new producer is reported, and the events arrive all the same", async () => {
  const errors: string[] = [];
  const { net, gateway, device } = setUp({
    storage: {
      load: () => Promise.resolve(undefined),
      producer: (_, renumber) => renumber ? Promise.reject(new Error("disk full")) : Promise.resolve(),
      append: () => Promise.resolve(),
      acknowledged: () => {},
    },
    onError: ({ message }) => errors.push(message),
  });
  const log = device.channel({ topic: "log", class: "event" });
  await net.time.advance(100);
  await Promise.all([log.publish(new Uint8Array([1])), net.time.advance(100)]);
  gateway.disk.clear();
  net.connection.cut();
  const second = log.publish(new Uint8Array([2]));
  await net.time.advance(3_000);
  assertEquals([await second, errors], [1, ["disk full"]]);
});

Deno.test("a given producer goes on behind what the gateway has of it", async () => {
  const net = new FakeNet();
  const gateway = new FakeDeviceGateway(net);
  gateway.disk.set("p log", [{ sequence: 1, payload: new Uint8Array([1]) }, {
    sequence: 2,
    payload: new Uint8Array([2]),
  }]);
  const device = connectDevice({ url: "http://gw", producer: "p", environment: net.environment });
  const log = device.channel({ topic: "log", class: "event" });
  const third = log.publish(new Uint8Array([3]));
  await net.time.advance(200);
  assertEquals(await third, 3);
  assertEquals(gateway.stored("log"), [1, 2, 3]);
});

Deno.test("close waits for events to be confirmed, says bye, and leaves no timer behind", async () => {
  const { net, gateway, device } = setUp();
  const log = device.channel({ topic: "log", class: "event" });
  await net.time.advance(100);
  const sent = log.publish(new Uint8Array([1]));
  const closed = device.close();
  await net.time.advance(500);
  await closed;
  assertEquals(await sent, 1);
  assertEquals(gateway.stored("log"), [1]);
  assertEquals(net.connection.messages.at(-1)!.type, "bye");
  assertEquals(net.connection.closedWith, 1000);
  assertEquals(device.status, { state: "closed", reason: "closed by the program" });
  assertEquals(net.time.pending, 0);
  assertThrows(() => device.channel({ topic: "x" }), ClosedError);
});

Deno.test("close rejects what is not confirmed in time", async () => {
  const { net, gateway, device } = setUp();
  gateway.stalled = true;
  const log = device.channel({ topic: "log", class: "event" });
  await net.time.advance(100);
  const sent = log.publish(new Uint8Array([1]));
  const closed = device.close({ drainMs: 300 });
  await net.time.advance(1_000);
  await closed;
  await assertRejects(() => sent, ClosedError);
});

Deno.test("two channels of one topic, and a topic with a wildcard, are refused at once", () => {
  const { device } = setUp();
  device.channel({ topic: "a" });
  assertThrows(() => device.channel({ topic: "a" }), TypeError, "channel already");
  assertThrows(() => device.channel({ topic: "a/#" }), TypeError, "wildcard");
});

Deno.test("a desired value reaches its handler decoded and is acknowledged once the handler is done", async () => {
  const { net, device } = setUp();
  const seen: unknown[] = [];
  let applied = () => {};
  device.channel({
    topic: "target",
    encoding: "f64",
    writable: true,
    onWrite: (value) => {
      seen.push(value);
      return new Promise<void>((resolve) => applied = resolve);
    },
  });
  await net.time.advance(100);
  net.connection.sendFrame(written(1, 7, float64(21.5)));
  await net.time.advance(20);
  assertEquals(seen, [21.5]);
  assertEquals(acks(net), []);
  applied();
  await net.time.advance(20);
  assertEquals(acks(net), [{ channel: 1, sequence: 7 }]);
  net.connection.sendFrame(written(1, 7, float64(21.5)));
  await net.time.advance(20);
  assertEquals(seen, [21.5]);
  assertEquals(acks(net).length, 2);
});

Deno.test("a desired value whose handler fails is not acknowledged and is applied when it comes again", async () => {
  const errors: Error[] = [];
  const { net, device } = setUp({ onError: (error) => errors.push(error) });
  let fail = true;
  device.channel({
    topic: "target",
    writable: true,
    onWrite: () => {
      if (fail) throw new Error("valve is stuck");
    },
  });
  await net.time.advance(100);
  net.connection.sendFrame(written(1, 7, new Uint8Array([1])));
  await net.time.advance(20);
  assertEquals(acks(net), []);
  assertEquals((errors[0]!.cause as Error).message, "valve is stuck");
  fail = false;
  net.connection.sendFrame(written(1, 7, new Uint8Array([1])));
  await net.time.advance(20);
  assertEquals(acks(net), [{ channel: 1, sequence: 7 }]);
});

Deno.test("a command is acknowledged at once, answered when done, and not run twice", async () => {
  const { net, device } = setUp();
  let runs = 0;
  device.channel({
    topic: "reboot",
    class: "event",
    encoding: "json",
    writable: true,
    onWrite: (value) => {
      runs++;
      if (value === "never") throw new Error("no");
      return { was: value };
    },
  });
  await net.time.advance(100);
  net.connection.sendFrame(written(1, 1, json("now")));
  net.connection.sendFrame(written(1, 2, json("never")));
  net.connection.sendFrame(written(1, 1, json("now")));
  await net.time.advance(50);
  assertEquals(runs, 2);
  assertEquals(net.connection.all("result"), [
    { type: "result", channel: 1, sequence: 1, ok: true, value: { was: "now" } },
    { type: "result", channel: 1, sequence: 2, ok: false, message: "no" },
    { type: "result", channel: 1, sequence: 1, ok: true, value: { was: "now" } },
  ] as never);
});

Deno.test("a command's result that the connection took along is sent after the reconnect", async () => {
  const { net, device } = setUp();
  let done = (_: unknown) => {};
  device.channel({
    topic: "slow",
    class: "event",
    writable: true,
    onWrite: () => new Promise((resolve) => done = resolve),
  });
  await net.time.advance(100);
  net.connection.sendFrame(written(1, 5, new Uint8Array()));
  await net.time.advance(20);
  net.connection.cut();
  await settle();
  done("ok");
  await net.time.advance(1_000);
  assertEquals(net.connections.length, 2);
  assertEquals(net.connection.all("result"), [
    { type: "result", channel: 1, sequence: 5, ok: true, value: "ok" },
  ] as never);
});

Deno.test("an enrolling device shows its code, keeps the token and uses it from then on", async () => {
  const net = new FakeNet();
  const statuses: string[] = [];
  let token = "";
  const device = connectDevice({
    url: "http://gw",
    enrol: { device: "d1", description: "on the roof" },
    onEnrolled: (_, given) => token = given,
    environment: net.environment,
  });
  device.onStatus((status) => statuses.push(status.state === "enrolling" ? status.code : status.state));
  net.connection.accept();
  await net.time.advance(10);
  net.connection.send({ type: "enrolment", status: "pending", code: "AB12" });
  await net.time.advance(20_000);
  assertEquals(statuses, ["connecting", "AB12"]);
  assertEquals(net.connection.protocols, ["tidegate.v1"]);
  const gateway = new FakeDeviceGateway(net);
  net.connection.send({ type: "enrolled", device: "d1", token: "fresh" });
  await net.time.advance(10);
  assertEquals(token, "fresh");
  net.connection.cut();
  await net.time.advance(2_000);
  assertEquals(net.connection.protocols, ["tidegate.v1", "tidegate.token.fresh"]);
  assertEquals(device.status.state, "open");
  assertEquals("enrol" in net.connection.messages[0]!, false);
  assertEquals(gateway.complaints, []);
});

function acks(net: FakeNet) {
  return net.connection.frames.filter((frame) => frame[0] === 2).flatMap(decodeAck);
}

function written(channel: number, sequence: number, payload: Uint8Array): Uint8Array {
  const writer = new BatchWriter({ maxBytes: 4_096 });
  writer.add(channel, sequence, 1_700_000_000_000_000, payload);
  return writer.takeCopy();
}

function float64(value: number): Uint8Array {
  return new Uint8Array(new Float64Array([value]).buffer);
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
