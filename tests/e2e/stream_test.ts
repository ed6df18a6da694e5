/** From a device to dashboards: what arrives, when, and how often. */
import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";

async function newDevice(gateway: GatewayProcess) {
  const name = uniqueName();
  const token = await operator.addDevice(gateway, name);
  return { name, token, device: await DevicePeer.connect(gateway, token) };
}

function dashboardOf(gateway: GatewayProcess): Promise<DashboardPeer> {
  return DashboardPeer.connect(gateway, gateway.token);
}

/** Times this near to one another are meant to be the same, in seconds: those of another unit or epoch are far off. */
const CLOSE_S = 60;

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

eachForm(({ test }) => {
  test("a dashboard gets a device's samples live, announced, counted and stamped", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe([`${name}/#`]);
    const { channels } = await device.advertise({ channel: 7, topic: "temp", encoding: "json", unit: "°C" });
    assertEquals(channels, [{ channel: 7, topic: `${name}/temp` }]);
    for (const value of ["1", "2", "3"]) {
      await device.publish(7, value);
      await dashboard.expectValue(`${name}/temp`, value);
    }
    assertEquals(dashboard.offsets(`${name}/temp`), [1, 2, 3]);
    const announced = dashboard.announced(`${name}/temp`);
    assertEquals(announced?.class, "state");
    assertEquals(announced?.encoding, "json");
    assertEquals(announced?.unit, "°C");
    assertEquals(announced?.epoch, dashboard.welcome.epoch);
    assertAlmostEquals(dashboard.samples.at(-1)!.timeUs / 1e6, Date.now() / 1e3, CLOSE_S);
  });

  test("a dashboard that comes late gets the newest value of each state topic, once", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "a" }, { channel: 2, topic: "b" });
    for (const value of ["1", "2", "3"]) await device.publish(1, value);
    await device.publish(2, "b1");
    await device.settle();
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe([`${name}/#`]);
    await dashboard.expectValue(`${name}/a`, "3");
    await dashboard.expectValue(`${name}/b`, "b1");
    await device.publish(1, "4");
    await dashboard.expectValue(`${name}/a`, "4");
    assertEquals(dashboard.texts(`${name}/a`), ["3", "4"]);
    assertEquals(dashboard.offsets(`${name}/a`), [3, 4]);
  });

  test("a dashboard that subscribes live gets nothing of before", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "a" });
    await device.publish(1, "old");
    await device.settle();
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe([`${name}/a`], { from: "live" });
    await device.publish(1, "new");
    await dashboard.expectValue(`${name}/a`, "new");
    assertEquals(dashboard.texts(`${name}/a`), ["new"]);
  });

  test("wildcards select topics: + one level, # the rest", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    const topics = ["cpu/0/load", "cpu/1/load", "cpu/1/temp", "memory"];
    await device.advertise(...topics.map((topic, channel) => ({ channel, topic })));
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe([`${name}/cpu/+/load`]);
    const all = await dashboardOf(gateway);
    await all.subscribe([`${name}/cpu/#`, `${name}/memory`]);
    for (const channel of topics.keys()) await device.publish(channel, `v${channel}`);
    for (const [channel, topic] of topics.entries()) await all.expectValue(`${name}/${topic}`, `v${channel}`);
    await dashboard.expectValue(`${name}/cpu/1/load`, "v1");
    await dashboard.settle();
    assertEquals(
      new Set(dashboard.samples.map((one) => one.topic)),
      new Set([`${name}/cpu/0/load`, `${name}/cpu/1/load`]),
    );
  });

  test("dashboards with the same subscription get the same samples", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "a", class: "event" });
    const dashboards = await Promise.all([1, 2, 3].map(() => dashboardOf(gateway)));
    for (const dashboard of dashboards) await dashboard.subscribe([`${name}/#`]);
    for (const i of range(1, 200)) await device.publish(1, `${i}`);
    for (const dashboard of dashboards) {
      await dashboard.expectValue(`${name}/a`, "200");
      assertEquals(dashboard.texts(`${name}/a`), range(1, 200).map(String));
    }
  });

  test("a topic that two subscriptions of one dashboard match arrives on both", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "a" });
    const dashboard = await dashboardOf(gateway);
    const first = await dashboard.subscribe([`${name}/a`]);
    const second = await dashboard.subscribe([`${name}/#`]);
    await device.publish(1, "1");
    for (const id of [first, second]) {
      await dashboard.until(
        () => dashboard.samples.some((one) => one.subscriptions.includes(id)),
        `a sample of ${id}`,
      );
    }
    await dashboard.send({ type: "unsubscribe", id: first });
    await dashboard.expect("unsubscribed", (message) => message.id === first);
    await device.publish(1, "2");
    await dashboard.expectValue(`${name}/a`, "2");
    await dashboard.settle();
    assertEquals(dashboard.samples.filter((one) => one.text === "2").map((one) => one.subscriptions), [[
      second,
    ]]);
  });

  test("a subscription with maxHz gets few samples and the newest in the end", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "a" });
    const dashboard = await dashboardOf(gateway);
    const id = await dashboard.subscribe([`${name}/a`], { maxHz: 5 });
    const started = performance.now();
    for (const i of range(1, 1000)) await device.publish(1, `${i}`);
    await dashboard.expectValue(`${name}/a`, "1000");
    const seconds = (performance.now() - started) / 1000;
    assertLess(dashboard.samples.length, 5 * seconds + 3);
    const skipped = await dashboard.expect("skipped", (message) => message.id === id);
    assert(Object.values(skipped.counts).some((count) => count > 0));
  });

  test("a subscription from the past goes on live with neither hole nor repeat", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "a", class: "event" }, { channel: 2, topic: "s" });
    const dashboard = await dashboardOf(gateway);
    let asked: Promise<number> | undefined;
    for (const i of range(1, 1000)) {
      await device.publish(1, `${i}`);
      await device.publish(2, `${i}`);
      // Some are on disk for certain, however slow the machine.
      if (i === 300) await device.expectAck(1, 300);
      // Published on while the recording is being read, so that the two have to be joined.
      if (i === 600) asked = dashboard.subscribe([`${name}/#`], { from: { time: -60_000_000 } });
    }
    await asked;
    await dashboard.expectValue(`${name}/a`, "1000");
    await dashboard.expectValue(`${name}/s`, "1000");
    assertEquals(dashboard.texts(`${name}/a`), range(1, 1000).map(String));
    assertEquals(dashboard.offsets(`${name}/a`), range(1, 1000));
    const state = dashboard.offsets(`${name}/s`);
    assertEquals(state, [...new Set(state)].sort((a, b) => a - b), "state topics: no repeat, no step back");
    const first = dashboard.samples.find((one) => one.topic === `${name}/a`);
    assert(first?.recorded, "the first samples come from the recording");
  });

  test("events are acknowledged once recorded, and a retransmission is recorded once", async (gateway) => {
    const { name, token } = await newDevice(gateway);
    const device = await DevicePeer.connect(gateway, token, { producer: "boot-1" });
    await device.advertise({ channel: 1, topic: "door", class: "event" });
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe([`${name}/door`]);
    for (const i of range(1, 10)) await device.publish(1, `${i}`);
    await device.expectAck(1, 10);
    for (const i of range(8, 12)) await device.publish(1, `${i}`, { sequence: i });
    await device.expectAck(1, 12);
    await dashboard.expectValue(`${name}/door`, "12");
    assertEquals(dashboard.texts(`${name}/door`), range(1, 12).map(String));
    await device.leave();

    // The same producer in a new session is told how far it had come.
    const again = await DevicePeer.connect(gateway, token, { producer: "boot-1" });
    const { channels } = await again.advertise({ channel: 4, topic: "door", class: "event" });
    assertEquals(channels[0]?.last, 12);
    for (const i of range(11, 13)) await again.publish(4, `${i}`, { sequence: i });
    await again.expectAck(4, 13);
    await dashboard.expectValue(`${name}/door`, "13");
    assertEquals(dashboard.texts(`${name}/door`), range(1, 13).map(String));
  });

  test("events that a device has lost show as a gap, not as nothing", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "e", class: "event" });
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe([`${name}/e`]);
    for (const sequence of [1, 2, 6]) await device.publish(1, `${sequence}`, { sequence });
    await dashboard.expectValue(`${name}/e`, "6");
    const gap = await dashboard.expect("gap");
    assertEquals(dashboard.offsets(`${name}/e`), [1, 2, 6]);
    assertEquals([gap.topic, gap.from, gap.to, gap.reason], [`${name}/e`, 3, 5, "device"]);
  });

  test("a state sample that comes after a newer one is dropped", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await device.advertise({ channel: 1, topic: "s" });
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe([`${name}/s`]);
    for (const sequence of [5, 4, 5, 9]) await device.publish(1, `${sequence}`, { sequence });
    await dashboard.expectValue(`${name}/s`, "9");
    await dashboard.settle();
    assertEquals(dashboard.texts(`${name}/s`).filter((text) => text === "4"), []);
  });

  test("$status tells dashboards when a device comes and goes", async (gateway) => {
    const name = uniqueName();
    const token = await operator.addDevice(gateway, name);
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe(["+/$status"]);
    const status = (online: boolean) =>
      dashboard.until(() => {
        const newest = dashboard.samples.findLast((one) => one.topic === `${name}/$status`);
        const value: Record<string, unknown> | undefined = newest && JSON.parse(newest.text);
        return value?.["online"] === online && value;
      }, `${name} online: ${online}`);
    const device = await DevicePeer.connect(gateway, token);
    assertEquals((await status(true))["session"], device.welcome.session);
    await device.leave();
    assertEquals((await status(false))["reason"], "normal");
  });

  test("a device's own timestamps are kept when it follows the gateway's clock", async (gateway) => {
    const { name, token } = await newDevice(gateway);
    const device = await DevicePeer.connect(gateway, token, { clock: "gateway" });
    await device.advertise({ channel: 1, topic: "a" });
    const dashboard = await dashboardOf(gateway);
    await dashboard.subscribe([`${name}/a`]);
    const timeUs = device.welcome.time - 1_500_000;
    await device.publish(1, "then", { timeUs });
    assertEquals((await dashboard.expectValue(`${name}/a`, "then")).timeUs, timeUs);
  });

  test("either side's clock question is answered with the question's time", async (gateway) => {
    const { device } = await newDevice(gateway);
    const asked = await device.expect("clock");
    assertAlmostEquals(asked.t / 1e6, Date.now() / 1e3, CLOSE_S);
    await device.send({ type: "clock", t: 12345 });
    const answer = await device.expect("clock_reply");
    assertEquals(answer.t, 12345);
    assertAlmostEquals(answer.at / 1e6, Date.now() / 1e3, CLOSE_S);
  });
});
