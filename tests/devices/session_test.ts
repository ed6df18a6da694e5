import { assert, assertEquals } from "@std/assert";
import { encodeAck } from "../../protocol/ack.ts";
import { batchFrame } from "../support/wire.ts";
import { settle, World } from "../support/world.ts";

const state = (channel: number, topic: string) => ({ channel, topic, class: "state" });
const event = (channel: number, topic: string) => ({ channel, topic, class: "event" });
const sample = (channel: number, sequence: number, ...payload: number[]) =>
  batchFrame([{ channel, sequence, payload: Uint8Array.from(payload) }]);

Deno.test("a device is welcomed when it says hello, with session, epoch and limits", () => {
  using world = new World();
  const device = world.openDevice("pump", []);
  const [welcome] = device.texts("welcome");
  assertEquals([welcome!.device, welcome!.epoch, welcome!.resumed], ["pump", "gw.1", false]);
  assertEquals(world.log.sessions[0]!.device, "pump");
});

Deno.test("a state sample becomes the topic's newest value at once", () => {
  using world = new World();
  const device = world.openDevice("pump", [state(3, "flow")]);
  device.say(sample(3, 1, 42));
  const { newest, lastOffset } = world.hub.topic("pump/flow")!;
  assertEquals([lastOffset, newest!.bytes[0], newest!.length], [1, 42, 1]);
});

Deno.test("an older or repeated state sample is dropped and counted when a newer one was there", () => {
  using world = new World();
  const device = world.openDevice("pump", [state(1, "flow")]);
  for (const [sequence, value] of [[5, 5], [4, 4], [5, 9], [6, 6]]) device.say(sample(1, sequence!, value!));
  assertEquals(world.hub.topic("pump/flow")!.newest!.bytes[0], 6);
  assertEquals(world.counters.get("device_drops", "old_state"), 2);
});

Deno.test("an event is acknowledged and delivered only after it is committed", async () => {
  using world = new World();
  const device = world.openDevice("pump", [event(1, "alarm")], { producer: "p" });
  device.say(sample(1, 1, 7));
  await settle();
  assertEquals([device.acks, world.hub.topic("pump/alarm")!.newest], [[], undefined]);
  world.recording.commit();
  await settle();
  assertEquals(device.acks, [{ channel: 1, sequence: 1 }]);
  assertEquals(world.hub.topic("pump/alarm")!.newest!.bytes[0], 7);
});

Deno.test("one frame acknowledges all events of a commit, whatever their channels", async () => {
  using world = new World();
  const device = world.openDevice("pump", [event(1, "alarm"), event(2, "log")], { producer: "p" });
  for (const channel of [1, 2]) for (const sequence of [1, 2, 3]) device.say(sample(channel, sequence, 7));
  world.recording.commit();
  await settle();
  const frames = device.received.filter(({ kind }) => kind === "ack");
  assertEquals(frames, [{ kind: "ack", acks: [{ channel: 1, sequence: 3 }, { channel: 2, sequence: 3 }] }]);
});

Deno.test("events of a topic that an earlier run knew are acknowledged", async () => {
  using world = new World();
  const description = {
    name: "pump/alarm",
    deliveryClass: "event",
    encoding: "raw",
    writable: false,
  } as const;
  world.hub.restore(77, description);
  assertEquals(world.recording.defined.get(77), world.hub.topic("pump/alarm"));
  const device = world.openDevice("pump", [event(1, "alarm")], { producer: "p" });
  device.say(sample(1, 1, 7));
  world.recording.commit();
  await settle();
  assertEquals(device.acks, [{ channel: 1, sequence: 1 }]);
});

Deno.test("an event sent again is recorded once and acknowledged again", async () => {
  using world = new World();
  const device = world.openDevice("pump", [event(1, "alarm")], { producer: "p" });
  device.say(sample(1, 1, 7));
  device.say(sample(1, 1, 7));
  world.recording.commit();
  device.say(sample(1, 1, 7));
  await settle();
  assertEquals(world.recording.committed.filter(({ topic }) => topic.name === "pump/alarm").length, 1);
  assertEquals(device.acks.at(-1), { channel: 1, sequence: 1 });
});

Deno.test("an event on its way to disk is not recorded twice when the device reconnects and repeats it", async () => {
  using world = new World();
  const first = world.openDevice("pump", [event(1, "alarm")], { producer: "p" });
  first.say(sample(1, 1, 7));
  first.cut();
  const second = world.openDevice("pump", [event(9, "alarm")], { producer: "p" });
  second.say(sample(9, 1, 7));
  world.recording.commit();
  await settle();
  assertEquals(world.recording.committed.filter(({ topic }) => topic.name === "pump/alarm").length, 1);
  assertEquals(second.acks.at(-1), { channel: 9, sequence: 1 });
});

Deno.test("a jump in an event channel's sequence leaves a gap in the offsets", async () => {
  using world = new World();
  const device = world.openDevice("pump", [event(1, "alarm")], { producer: "p" });
  const dashboard = world.openDashboard(["pump/alarm"]);
  device.say(sample(1, 1, 1));
  device.say(sample(1, 4, 4));
  world.recording.commit();
  world.timers.advance(10);
  await settle();
  assertEquals(dashboard.samples.map(({ offset }) => offset), [1, 4]);
  const [gap] = dashboard.texts("gap");
  assertEquals([gap!.from, gap!.to, gap!.reason], [2, 3, "device"]);
});

Deno.test("a session ends with `overloaded` when the recording takes no more events", () => {
  using world = new World();
  const device = world.openDevice("pump", [event(1, "alarm")]);
  world.recording.full = true;
  device.say(sample(1, 1, 1));
  assertEquals(device.closedWith?.code.name, "overloaded");
  assertEquals(world.hub.topic("pump/alarm")!.lastOffset, 0);
});

Deno.test("a sample on a channel that was not advertised ends the session and no other", () => {
  using world = new World();
  const other = world.openDevice("fan", [state(1, "speed")]);
  const device = world.openDevice("pump", []);
  device.say(sample(8, 1, 1));
  assertEquals(device.closedWith?.code.name, "unknown_channel");
  assert(other.open);
});

Deno.test("data before hello, a second hello and a cut frame each end the session with their close code", () => {
  using world = new World();
  const early = world.device("a");
  early.say(sample(1, 1, 1));
  assertEquals(early.closedWith?.code.name, "protocol_order");
  const twice = world.openDevice("b", []);
  twice.say({ type: "hello", protocol: 1 });
  assertEquals(twice.closedWith?.code.name, "protocol_order");
  const cut = world.openDevice("c", [state(1, "x")]);
  cut.say(sample(1, 1, 1, 2, 3).slice(0, -2));
  assertEquals(cut.closedWith?.code.name, "bad_frame");
});

Deno.test("a device's clock is converted to the gateway's when it answers the exchange", () => {
  using world = new World();
  const device = world.device("mcu");
  device.say({ type: "hello", protocol: 1, clock: "device" });
  const asked = device.texts("clock")[0]!.t as number;
  world.timers.advance(20);
  device.say({ type: "clock_reply", t: asked, at: 5_000_000 });
  device.say({ type: "advertise", channels: [state(1, "t")] });
  device.say(batchFrame([{ channel: 1, sequence: 1, timeUs: 5_100_000, payload: new Uint8Array(1) }]));
  // The middle of the exchange was 10 ms after the question; the sample came 100 ms later.
  assertEquals(world.hub.topic("mcu/t")!.newest!.timeUs, asked + 10_000 + 100_000);
});

Deno.test("a lost session is taken up again by its resume token and its record goes on", () => {
  using world = new World();
  const first = world.openDevice("pump", []);
  const { session, resume } = first.texts("welcome")[0]!;
  first.cut();
  assertEquals(world.log.sessions[0]!.endReason, undefined);
  const second = world.device("pump");
  second.say({ type: "hello", protocol: 1, resume: { session, token: resume } });
  const welcome = second.texts("welcome")[0]!;
  assertEquals([welcome.resumed, welcome.session], [true, session]);
  assertEquals(world.log.sessions.length, 1);
  assert(welcome.resume !== resume, "a resume token serves once");
});

Deno.test("a second connection of the same device takes the place of the first", () => {
  using world = new World();
  const first = world.openDevice("pump", []);
  const second = world.openDevice("pump", []);
  assertEquals([first.closedWith?.code.name, second.open], ["replaced", true]);
  const status = world.hub.topic("pump/$status")!.newest!;
  assertEquals(JSON.parse(new TextDecoder().decode(status.bytes.subarray(0, status.length))).online, true);
});

Deno.test("a revoked token ends the live session at once", () => {
  using world = new World();
  const device = world.openDevice("pump", []);
  world.revoke("token-pump");
  assertEquals(device.closedWith?.code.name, "unauthorized");
  assertEquals(world.log.sessions[0]!.endReason, "unauthorized");
});

Deno.test("a desired value reaches the device at once, again after a reconnect, and no more once confirmed", async () => {
  using world = new World();
  const operator = { role: "operator" as const, tokenId: "o", label: "o", read: ["#"], write: ["#"] };
  const channels = [{ channel: 2, topic: "led", writable: true }];
  const first = world.openDevice("lamp", channels);
  await world.devices.downlink.write(operator, "lamp/led", Uint8Array.of(1));
  assertEquals(first.samples.map(({ channel, payload }) => [channel, payload]), [[2, [1]]]);
  first.cut();
  const second = world.openDevice("lamp", channels);
  const { channel, offset } = second.samples[0]!;
  second.say(encodeAck([{ channel, sequence: offset }]));
  second.cut();
  const third = world.openDevice("lamp", channels);
  assertEquals([second.samples.length, third.samples.length], [1, 0]);
});

Deno.test("a command's result comes back to its sender", async () => {
  using world = new World();
  const operator = { role: "operator" as const, tokenId: "o", label: "o", read: ["#"], write: ["#"] };
  const device = world.openDevice("lamp", [{ channel: 5, topic: "blink", class: "event", writable: true }]);
  const done = world.devices.downlink.write(operator, "lamp/blink", Uint8Array.of(3), 5_000);
  const { channel, offset } = device.samples[0]!;
  device.say({ type: "result", channel, sequence: offset, ok: false, message: "no bulb" });
  assertEquals(await done, { status: "failed", message: "no bulb" });
});

Deno.test("a raw device's binary and text messages become samples on `raw` and `text`", () => {
  using world = new World();
  const device = world.raw("mcu");
  device.say(Uint8Array.of(1, 2));
  device.handlers.text("21.5");
  assertEquals(world.hub.topic("mcu/raw")!.newest!.length, 2);
  assertEquals(world.hub.topic("mcu/text")!.description.encoding, "utf8");
  device.cut();
  assertEquals(world.log.sessions[0]!.endReason, "connection_lost");
});
