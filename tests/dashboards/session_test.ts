import { assert, assertEquals } from "@std/assert";
import { batchFrame } from "../support/wire.ts";
import { settle, World } from "../support/world.ts";

const state = (channel: number, topic: string) => ({ channel, topic, class: "state" });
const event = (channel: number, topic: string) => ({ channel, topic, class: "event" });
const sample = (channel: number, sequence: number, ...payload: number[]) =>
  batchFrame([{ channel, sequence, payload: Uint8Array.from(payload) }]);

Deno.test("a late dashboard gets the newest value of each state topic, then what follows", () => {
  using world = new World();
  const device = world.openDevice("pump", [state(1, "flow"), state(2, "heat")]);
  for (let i = 1; i <= 3; i++) device.say(sample(1, i, i));
  const dashboard = world.openDashboard(["pump/flow"]);
  device.say(sample(1, 4, 4));
  device.say(sample(2, 1, 9));
  world.timers.advance(10);
  assertEquals(dashboard.samples.map(({ offset, payload }) => [offset, payload[0]]), [[3, 3], [4, 4]]);
});

Deno.test("topics are announced before their first sample, and once", () => {
  using world = new World();
  const dashboard = world.openDashboard(["+/flow"]);
  const device = world.openDevice("pump", [state(1, "flow")]);
  device.say(sample(1, 1, 1));
  world.timers.advance(10);
  device.say({ type: "advertise", channels: [state(1, "flow")] });
  const kinds = dashboard.received.map((one) => one.kind === "text" ? one.message.type : one.kind);
  assertEquals(kinds, ["welcome", "ping", "subscribed", "channels", "batch"]);
});

Deno.test("dashboards with the same subscription share one feed", () => {
  using world = new World();
  const a = world.openDashboard(["pump/#", "fan/#"]);
  const b = world.openDashboard(["fan/#", "pump/#"]);
  assertEquals(a.texts("subscribed")[0]!.feed, b.texts("subscribed")[0]!.feed);
  assertEquals([...world.feeds.all()].length, 1);
  a.cut();
  b.cut();
  assertEquals([...world.feeds.all()].length, 0);
});

Deno.test("a dashboard sees only what its token may read", () => {
  using world = new World();
  const device = world.openDevice("pump", [state(1, "flow"), state(2, "secret/key")]);
  const dashboard = world.dashboard(["pump/flow"]);
  dashboard.say({ type: "hello", protocol: 1 });
  dashboard.say({ type: "subscribe", id: 1, patterns: ["#"] });
  device.say(sample(1, 1, 1));
  device.say(sample(2, 1, 2));
  world.timers.advance(10);
  assertEquals(dashboard.samples.map(({ payload }) => payload[0]), [1]);
  const announced = dashboard.texts("channels").flatMap(({ channels }) => channels as { topic: string }[]);
  assertEquals(announced.map(({ topic }) => topic), ["pump/flow"]);
});

Deno.test("maxHz thins state topics to their newest values, counts the rest, and leaves events alone", () => {
  using world = new World();
  const device = world.openDevice("pump", [state(1, "flow"), event(2, "alarm")]);
  const dashboard = world.openDashboard(["pump/flow", "pump/alarm"], { maxHz: 10 });
  for (let i = 1; i <= 100; i++) {
    device.say(sample(1, i, i));
    if (i % 25 === 0) device.say(sample(2, i / 25, i));
    world.recording.commit();
    world.timers.advance(10);
  }
  world.timers.advance(200);
  const flow = dashboard.samples.filter(({ channel }) => channel === world.hub.topic("pump/flow")!.id);
  assert(flow.length <= 11, `${flow.length} samples in one second at 10 Hz`);
  assertEquals(flow.at(-1)!.payload[0], 100);
  assertEquals(dashboard.samples.length - flow.length, 4);
  world.timers.advance(1_000);
  world.sweep();
  assertEquals((dashboard.texts("skipped")[0]!.counts as { rate: number }).rate, 100 - flow.length);
});

Deno.test("a subscription from the past goes on live with neither hole nor repeat", async () => {
  using world = new World();
  const device = world.openDevice("pump", [state(1, "flow")]);
  let next = 1;
  const publish = (count: number) => {
    for (let i = 0; i < count; i++, next++) device.say(sample(1, next, next % 256));
    world.timers.advance(10);
  };
  publish(5);
  world.recording.commit();
  publish(5);
  const dashboard = world.openDashboard(["pump/flow"], { from: { time: -60_000_000 } });
  publish(5);
  await settle();
  assertEquals(dashboard.samples.length, 0, "nothing is read before what was there is committed");
  world.recording.commit();
  await settle();
  publish(5);
  assertEquals(dashboard.samples.map(({ offset }) => offset), Array.from({ length: 20 }, (_, i) => i + 1));
  assertEquals(dashboard.samples.map(({ recorded }) => recorded).lastIndexOf(true), 9);
  assertEquals(dashboard.texts("subscribed").map(({ live }) => live), [false, true]);
});

Deno.test("a dashboard that does not read gets the newest state once it does, and every event", async () => {
  using world = new World();
  world.recording.automatic = true;
  const device = world.openDevice("pump", [state(1, "flow"), event(2, "alarm")]);
  const other = world.openDashboard(["pump/flow", "pump/alarm"]);
  const slow = world.openDashboard(["pump/flow", "pump/alarm"]);
  slow.bufferedBytes = 1_000_000;
  world.sweep();
  for (let i = 1; i <= 50; i++) {
    device.say(sample(1, i, i));
    device.say(sample(2, i, i));
    await settle(3);
    world.timers.advance(10);
    world.sweep();
  }
  assertEquals(slow.samples.length, 0);
  assertEquals(other.samples.length, 100, "the others are not held up");
  slow.bufferedBytes = 0;
  for (let i = 0; i < 5; i++) {
    world.sweep();
    await settle();
  }
  const alarm = world.hub.topic("pump/alarm")!.id;
  const events = slow.samples.filter(({ channel }) => channel === alarm).map(({ offset }) => offset);
  assertEquals(events, Array.from({ length: 50 }, (_, i) => i + 1));
  assertEquals(slow.samples.filter(({ channel }) => channel !== alarm).map(({ payload }) => payload[0]), [
    50,
  ]);
  device.say(sample(1, 51, 51));
  world.timers.advance(10);
  assertEquals(slow.samples.at(-1)!.payload[0], 51, "it is live again");
  assertEquals(world.counters.get("dashboard_drops", "conflated"), 49);
});

Deno.test("a dashboard that reads nothing for too long is told to come back", () => {
  using world = new World();
  const slow = world.openDashboard(["#"]);
  slow.bufferedBytes = 1_000_000;
  world.sweep();
  world.timers.advance(31_000);
  world.sweep();
  assertEquals(slow.closedWith?.code.name, "slow_consumer");
});

Deno.test("a write to a topic that is not writable or not allowed is answered with an error, not a closed line", async () => {
  using world = new World();
  world.openDevice("lamp", [state(1, "power"), {
    channel: 2,
    topic: "led",
    encoding: "json",
    writable: true,
  }]);
  const dashboard = world.dashboard(["#"], ["lamp/#"]);
  dashboard.say({ type: "hello", protocol: 1 });
  dashboard.say({ type: "write", id: 1, topic: "lamp/power", base64: "AQ==" });
  dashboard.say({ type: "write", id: 2, topic: "other/led", base64: "AQ==" });
  dashboard.say({ type: "write", id: 3, topic: "lamp/led", value: { on: true } });
  dashboard.say({ type: "write", id: 4, topic: "lamp/led" });
  await settle();
  const outcomes = [
    ...dashboard.texts("error").map((error) => [(error.ref as { id: number }).id, error.code]),
  ];
  assertEquals(outcomes.sort(), [[1, "not_writable"], [2, "forbidden"], [4, "bad_payload"]]);
  assertEquals(dashboard.texts("result").map(({ id, status }) => [id, status]), [[3, "accepted"]]);
});

Deno.test("bad patterns are answered with an error; too many subscriptions end the session", () => {
  using world = new World();
  const dashboard = world.openDashboard(["a/#/b"]);
  assertEquals(dashboard.texts("error")[0]!.code, "bad_pattern");
  for (let id = 2; id < 300; id++) dashboard.say({ type: "subscribe", id, patterns: ["a"] });
  assertEquals(dashboard.closedWith?.code.name, "limit_exceeded");
});

Deno.test("a session stays to be taken up when somebody with another token tries", () => {
  using world = new World();
  const first = world.openDashboard(["#"]);
  const { session, resume: token } = first.texts("welcome")[0]!;
  first.cut();
  const again = (tokenId: string) => {
    const peer = world.dashboard(["#"], [], tokenId);
    peer.say({ type: "hello", protocol: 1, resume: { session, token } });
    return peer.texts("welcome")[0]!.resumed;
  };
  assertEquals(again("other"), false);
  assertEquals(again("dash"), true);
});

Deno.test("a peer that takes its leave while samples flow has not been too slow", () => {
  using world = new World();
  const device = world.openDevice("pump", [state(1, "rpm")]);
  const dashboard = world.openDashboard(["pump/#"]);
  // the runtime knows that it is closing, and says why in a later turn
  dashboard.open = false;
  device.say(batchFrame([{ channel: 1, sequence: 1, payload: new Uint8Array(1) }]));
  world.timers.advance(20);
  dashboard.handlers.closed({ code: 1000, reason: "" });
  assertEquals(world.log.sessions.at(-1)!.endReason, "normal");
});

Deno.test("a session's record names the samples that maxHz left out, and no reason for which there were none", () => {
  using world = new World();
  const device = world.openDevice("pump", [state(1, "rpm")]);
  const dashboard = world.openDashboard(["pump/#"], { maxHz: 1 });
  for (let sequence = 1; sequence <= 5; sequence++) {
    device.say(batchFrame([{ channel: 1, sequence, payload: new Uint8Array(1) }]));
  }
  dashboard.bufferedBytes = 1_000_000;
  world.sweep();
  dashboard.bufferedBytes = 0;
  world.sweep();
  dashboard.say({ type: "bye" });
  assertEquals(world.log.sessions.at(-1)!.totals!.drops, { rate: 4 });
});

Deno.test("a subscription from the past whose topics outrun it goes on behind: newest state, every event", async () => {
  using world = new World();
  const device = world.openDevice("cam", [state(1, "frame"), event(2, "alarm")]);
  const big = new Uint8Array(60_000);
  let round = 0;
  const speak = () => {
    round++;
    for (let i = 0; i < 8; i++) {
      device.say(batchFrame([{ channel: 1, sequence: round * 8 + i, payload: big.fill(round % 256) }]));
    }
    device.say(sample(2, round, 1));
  };
  speak();
  world.recording.commit();
  const dashboard = world.openDashboard(["cam/frame", "cam/alarm"], { from: { time: -60_000_000 } });
  for (let i = 0; i < 60; i++) { // it reads a little, then its topics say a lot
    dashboard.bufferedBytes = 0;
    world.sweep();
    await settle(10);
    dashboard.bufferedBytes = 100_000;
    speak();
    world.recording.commit();
  }
  dashboard.bufferedBytes = 0;
  for (let i = 0; i < 5; i++) {
    world.recording.commit();
    await settle(2_000);
    world.timers.advance(10);
    world.sweep();
  }
  const alarm = world.hub.topic("cam/alarm")!.id;
  const events = dashboard.samples.filter(({ channel }) => channel === alarm).map(({ offset }) => offset);
  assertEquals(events, Array.from({ length: round }, (_, i) => i + 1));
  const frames = dashboard.samples.filter(({ channel }) => channel !== alarm);
  assertEquals(frames.at(-1)!.payload[0], round % 256);
  assert(frames.length < 8 * round, "it reads the past to its end instead");
  assertEquals(dashboard.texts("subscribed").at(-1)!.live, true);
});
