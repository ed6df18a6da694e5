/** From dashboards and operators to devices: desired values and commands. */
import { assertEquals } from "@std/assert";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer, DevicePeer } from "../support/peer.ts";
import type { WireSample } from "../support/wire.ts";

const DESIRED = { channel: 5, topic: "target", encoding: "json", writable: true } as const;
const COMMAND = { channel: 6, topic: "cmd", encoding: "json", class: "event", writable: true } as const;

async function newDevice(gateway: GatewayProcess) {
  const name = uniqueName();
  const token = await operator.addDevice(gateway, name);
  const device = await DevicePeer.connect(gateway, token);
  await device.advertise(DESIRED, COMMAND);
  return { name, token, device, dashboard: await DashboardPeer.connect(gateway, gateway.token) };
}

function received(device: DevicePeer, channel: number, text: string): Promise<WireSample> {
  const wanted = (one: WireSample) =>
    one.channel === channel && new TextDecoder().decode(one.payload) === text;
  return device.until(() => device.received.find(wanted), `${text} on channel ${channel}`);
}

eachForm(({ test, alone }) => {
  test("a desired value reaches the device at once, and again after each reconnect until acknowledged", async (gateway) => {
    const { name, token, device, dashboard } = await newDevice(gateway);
    assertEquals((await dashboard.write(`${name}/target`, 21.5)).status, "accepted");
    await received(device, 5, "21.5");
    device.cut();

    const second = await DevicePeer.connect(gateway, token);
    await second.advertise(DESIRED);
    const sample = await received(second, 5, "21.5");
    await second.acknowledge(5, sample.sequence);
    await second.settle();
    second.cut();

    const third = await DevicePeer.connect(gateway, token);
    await third.advertise(DESIRED);
    await third.settle();
    assertEquals(third.received, [], "what the device has acknowledged is not sent again");
  });

  test("a desired value written while the device is away waits for it, the newest only", async (gateway) => {
    const { name, token, device, dashboard } = await newDevice(gateway);
    await device.leave();
    for (const value of [1, 2, 3]) await dashboard.write(`${name}/target`, value);
    const back = await DevicePeer.connect(gateway, token);
    await back.advertise(DESIRED);
    await received(back, 5, "3");
    await back.settle();
    assertEquals(back.received.length, 1);
  });

  test("dashboards see desired values like any other state", async (gateway) => {
    const { name, dashboard } = await newDevice(gateway);
    await dashboard.subscribe([`${name}/#`]);
    await dashboard.write(`${name}/target`, 4);
    await dashboard.expectValue(`${name}/target`, "4");
    assertEquals(dashboard.announced(`${name}/target`)?.writable, true);
  });

  test("a command is answered by the device's result", async (gateway) => {
    const { name, device, dashboard } = await newDevice(gateway);
    for (const ok of [true, false]) {
      const answered = dashboard.write(`${name}/cmd`, { go: ok });
      const { sequence } = await received(device, 6, JSON.stringify({ go: ok }));
      await device.send({
        type: "result",
        channel: 6,
        sequence,
        ok,
        message: "so it is",
        value: { took: 3 },
      });
      const result = await answered;
      assertEquals(result.status, ok ? "done" : "failed");
      assertEquals(result.message, "so it is");
      assertEquals(result.value, { took: 3 });
    }
  });

  test("a command that nobody answers times out at its sender", async (gateway) => {
    const { name, dashboard } = await newDevice(gateway);
    const result = await dashboard.write(`${name}/cmd`, 1, { timeoutMs: 150 });
    assertEquals(result.status, "timeout");
  });

  test("writing what is not writable, or is not there, fails with a reason", async (gateway) => {
    const { name, device, dashboard } = await newDevice(gateway);
    await device.advertise({ channel: 9, topic: "read" });
    const wrong: [string, string][] = [["read", "not_writable"], ["nowhere", "unknown_topic"]];
    for (const [id, [topic, code]] of wrong.entries()) {
      await dashboard.send({ type: "write", id, topic: `${name}/${topic}`, value: 1 });
      const error = await dashboard.expect("error", (one) => one.ref?.id === id);
      assertEquals([error.code, error.ref?.type], [code, "write"]);
    }
  });

  test("an operator publishes to a writable topic over HTTP", async (gateway) => {
    const { name, device } = await newDevice(gateway);
    await operator.post(gateway, `/v1/topics/${encodeURIComponent(`${name}/target`)}`, 17);
    await received(device, 5, "17");
  });

  alone("a desired value outlives the gateway", async (start) => {
    const first = await start();
    const { name, token, device, dashboard } = await newDevice(first);
    await device.leave();
    await dashboard.write(`${name}/target`, "kept");
    await first.stop();
    const second = await start({ data: first.data });
    const back = await DevicePeer.connect(second, token);
    await back.advertise(DESIRED);
    await received(back, 5, '"kept"');
  });
});
