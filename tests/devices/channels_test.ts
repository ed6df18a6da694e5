/** Channel numbers that change their meaning while something is under way. */
import { assertEquals } from "@std/assert";
import { batchFrame } from "../support/wire.ts";
import { settle, World } from "../support/world.ts";

const payload = new Uint8Array([1]);

Deno.test("commits of a topic acknowledge nothing on a number that stands for another one by now", async () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 2, topic: "a", class: "event" }]);
  device.say(batchFrame([{ channel: 2, sequence: 1, payload }, { channel: 2, sequence: 2, payload }]));
  device.say({ type: "advertise", channels: [{ channel: 2, topic: "b", class: "event" }] });
  world.recording.commit();
  await settle();
  assertEquals(device.acks, []);
  device.say(batchFrame([{ channel: 2, sequence: 1, payload }]));
  world.recording.commit();
  await settle();
  assertEquals(device.acks, [{ channel: 2, sequence: 1 }]);
});

Deno.test("a write does not reach a device under a number that it has given to another topic", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 4, topic: "valve", encoding: "json", writable: true }]);
  device.say({
    type: "advertise",
    channels: [{ channel: 4, topic: "motor", encoding: "json", writable: true }],
  });
  const dashboard = world.dashboard(["#"], ["#"]);
  dashboard.say({ type: "hello", protocol: 1 });
  dashboard.say({ type: "write", id: 1, topic: "pump/valve", value: true });
  assertEquals(device.samples, []);
});

Deno.test("a topic that moves to another number takes its sequence and its acknowledgements along", async () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 2, topic: "a", class: "event" }]);
  device.say(batchFrame([{ channel: 2, sequence: 1, payload }]));
  device.say({ type: "advertise", channels: [{ channel: 3, topic: "a", class: "event" }] });
  device.say(batchFrame([{ channel: 3, sequence: 1, payload }, { channel: 3, sequence: 2, payload }]));
  world.recording.commit();
  await settle();
  assertEquals(world.recording.committed.filter(({ sequence }) => sequence !== undefined).length, 2);
  assertEquals(device.acks.at(-1), { channel: 3, sequence: 2 });
  assertEquals(device.acks.every(({ channel }) => channel === 3), true);
  device.say(batchFrame([{ channel: 2, sequence: 2, payload }]));
  assertEquals(device.closedWith?.code.name, "unknown_channel");
});

Deno.test("an event under way when its topic becomes state takes no newer value back", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 2, topic: "a", class: "event" }]);
  const dashboard = world.openDashboard(["pump/a"]);
  device.say(batchFrame([{ channel: 2, sequence: 1, payload }]));
  device.say({ type: "advertise", channels: [{ channel: 2, topic: "a", class: "state" }] });
  device.say(batchFrame([{ channel: 2, sequence: 2, payload: new Uint8Array([2]) }]));
  world.recording.commit();
  world.timers.advance(20);
  assertEquals(dashboard.samples.map(({ payload }) => payload), [[2]]);
  assertEquals(world.hub.topic("pump/a")!.newest!.bytes[0], 2);
});

Deno.test("a device that leaps in its sequences harms nobody", async () => {
  using world = new World();
  const far = Number.MAX_SAFE_INTEGER;
  const dashboard = world.openDashboard(["#"]);
  for (const producer of ["a", "b", "c"]) {
    const device = world.openDevice("pump", [{ channel: 2, topic: "a", class: "event" }], { producer });
    device.say(batchFrame([{ channel: 2, sequence: far, payload }]));
    device.cut();
  }
  const other = world.openDevice("valve", [{ channel: 1, topic: "b", class: "event" }]);
  other.say(batchFrame([{ channel: 1, sequence: 1, payload }]));
  world.recording.commit();
  await settle();
  world.timers.advance(20);
  assertEquals(other.acks, [{ channel: 1, sequence: 1 }]);
  const id = world.hub.topic("valve/b")!.id;
  assertEquals(dashboard.samples.filter(({ channel }) => channel === id).length, 1);
  assertEquals(Number.isSafeInteger(world.hub.topic("pump/a")!.lastOffset), true);
});

Deno.test("events lost by the device count once, however often the recording turns their successor away", async () => {
  using world = new World();
  const hello = { producer: "p" };
  const channels = [{ channel: 2, topic: "a", class: "event" }];
  const dashboard = world.openDashboard(["pump/a"]);
  world.recording.full = true;
  for (let i = 0; i < 3; i++) {
    world.openDevice("pump", channels, hello).say(batchFrame([{ channel: 2, sequence: 4, payload }]));
  }
  world.recording.full = false;
  world.openDevice("pump", channels, hello).say(batchFrame([{ channel: 2, sequence: 4, payload }]));
  world.recording.commit();
  await settle();
  assertEquals(dashboard.texts("gap").map(({ from, to }) => [from, to]), [[1, 3]]);
});

Deno.test("a device without a producer repeats nothing when it was closed with a code that asks it back", async () => {
  using world = new World();
  const channels = [{ channel: 2, topic: "a", class: "event" }];
  const device = world.openDevice("pump", channels);
  device.say(batchFrame([{ channel: 2, sequence: 1, payload }]));
  world.recording.full = true;
  device.say(batchFrame([{ channel: 2, sequence: 2, payload }]));
  assertEquals(device.closedWith?.code.name, "overloaded");
  world.recording.full = false;
  world.recording.commit();
  const [welcome] = device.texts("welcome");
  const resume = { session: welcome!.session, token: welcome!.resume };
  const again = world.openDevice("pump", channels, { resume });
  assertEquals(again.texts("welcome")[0]!.resumed, true);
  again.say(batchFrame([{ channel: 2, sequence: 1, payload }, { channel: 2, sequence: 2, payload }]));
  world.recording.commit();
  await settle();
  const sequences = world.recording.committed.flatMap(({ sequence }) => sequence ?? []);
  assertEquals(sequences, [1, 2]);
});

Deno.test("a sample from before 1970 leaves the others of its batch their times", () => {
  using world = new World();
  const device = world.openDevice("pump", [{ channel: 1, topic: "a" }, { channel: 2, topic: "b" }], {
    clock: "device",
  });
  const dashboard = world.openDashboard(["pump/#"]);
  const t = world.clock.nowUs();
  device.say({ type: "clock_reply", t, at: t + 1_000 });
  device.say(batchFrame([{ channel: 1, sequence: 1, timeUs: 1, payload }]));
  device.say(batchFrame([{ channel: 2, sequence: 1, timeUs: t, payload }]));
  world.timers.advance(20);
  const id = world.hub.topic("pump/b")!.id;
  assertEquals(dashboard.samples.find(({ channel }) => channel === id)?.timeUs, t - 1_000);
});

Deno.test("a device cannot fill the gateway with topics, whatever it frees", () => {
  using world = new World();
  const device = world.openDevice("pump", []);
  for (let round = 0; round < 5; round++) {
    const numbers = Array.from({ length: 4_000 }, (_, i) => i);
    const channels = numbers.map((channel) => ({ channel, topic: `t${round}/${channel}` }));
    device.say({ type: "advertise", channels: channels.slice(0, 2_000) });
    device.say({ type: "advertise", channels: channels.slice(2_000) });
    device.say({ type: "unadvertise", channels: numbers });
  }
  assertEquals(world.hub.size, 16_384);
  assertEquals(device.texts("error")[0]!.code, "bad_channel");
  device.say({ type: "advertise", channels: [{ channel: 1, topic: "t0/0" }] });
  assertEquals(device.texts("advertised").at(-1)!.channels, [{ channel: 1, topic: "pump/t0/0" }]);
  assertEquals(device.open, true);
});

Deno.test("commands that wait are bounded in bytes over all topics, and make room when they are answered", async () => {
  using world = new World();
  const channels = Array.from({ length: 3 }, (_, i) => ({
    channel: i,
    topic: `c${i}`,
    class: "event",
    writable: true,
  }));
  const device = world.openDevice("pump", channels);
  const dashboard = world.dashboard(["#"], ["#"]);
  dashboard.say({ type: "hello", protocol: 1 });
  const base64 = btoa("x".repeat(100_000));
  const write = (id: number) => dashboard.say({ type: "write", id, topic: `pump/c${id % 3}`, base64 });
  for (let id = 0; id < 200; id++) write(id);
  await settle();
  assertEquals(dashboard.texts("error").map(({ code }) => code), new Array(200 - 167).fill("overloaded"));
  const { channel, offset: sequence } = device.samples[0]!;
  device.say({ type: "result", channel, sequence, ok: true });
  write(200);
  await settle();
  assertEquals(dashboard.texts("error").length, 200 - 167);
  for (const { channel, offset: sequence } of device.samples) {
    device.say({ type: "result", channel, sequence, ok: true });
  }
});

Deno.test("a device that changes its channels in a loop is stopped, while what it leaves as it was goes on", () => {
  using world = new World();
  const channel = (schema: string) => ({ channel: 1, topic: "rpm", schema });
  const device = world.openDevice("pump", [channel("0")]);
  const dashboard = world.openDashboard(["pump/#"]);
  for (let i = 1; i <= 200; i++) {
    device.say({ type: "advertise", channels: [channel(`${i}${"x".repeat(32_000)}`)] });
  }
  const refused = device.texts("error");
  assertEquals(refused[0]!.code, "too_many_changes");
  assertEquals(dashboard.texts("channels").length, 1 + 200 - refused.length);
  device.say({ type: "advertise", channels: [{ channel: 2, topic: "oil" }] });
  assertEquals(device.texts("advertised").at(-1)!.channels, [{ channel: 2, topic: "pump/oil" }]);
});
