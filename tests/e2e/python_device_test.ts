/** A device written in Python from docs/PROTOCOL.md alone, against every shipped form of the gateway. */
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { eachForm, uniqueName } from "../support/each_form.ts";
import type { GatewayProcess } from "../support/gateway_process.ts";
import { operator } from "../support/operator.ts";
import { DashboardPeer } from "../support/peer.ts";
import { needPythonWebsockets, python } from "../support/python.ts";

const DEVICE = fileURLToPath(new URL("../protocol/python/device.py", import.meta.url));
const SAMPLES = 3_000;

/** Runs the device to its end and returns what it says of itself. */
async function stream(gateway: GatewayProcess, token: string, breaks: number) {
  await needPythonWebsockets();
  const url = `${gateway.url.replace(/^http/, "ws")}/v1/device`;
  const args = ["--url", url, "--token", token, "--samples", `${SAMPLES}`, "--breaks", `${breaks}`];
  const { code, stdout, stderr } = await python([DEVICE, ...args, "--timeout", "180"]);
  assertEquals(code, 0, `${stdout}${stderr}`);
  return JSON.parse(stdout) as {
    acked: number;
    unacked: number;
    resumed: number;
    sessions: string[];
    targets: unknown[];
    commands: unknown[];
  };
}

/** The number that the packed struct of an event begins with. */
function eventNumber(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0, true);
}

/** The numbers are 1 to {@link SAMPLES}; says where they first are not, since a diff of thousands helps nobody. */
function assertCounts(numbers: number[]): void {
  const wrong = numbers.findIndex((number, i) => number !== i + 1);
  assertEquals(wrong, -1, `${numbers.slice(Math.max(0, wrong - 2), wrong + 3)} at ${wrong}`);
  assertEquals(numbers.length, SAMPLES);
}

eachForm(({ test, alone }) => {
  test("a Python device streams, breaks off twice and resumes; a dashboard gets every event once", async (gateway) => {
    const name = uniqueName("py");
    const token = await operator.addDevice(gateway, name);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    await dashboard.subscribe([`${name}/event`]);
    const summary = await stream(gateway, token, 2);
    assertEquals([summary.acked, summary.unacked, summary.resumed], [SAMPLES, 0, 2]);
    assertEquals(new Set(summary.sessions).size, 1);
    const topic = `${name}/event`;
    await dashboard.until(() => dashboard.offsets(topic).length >= SAMPLES, `${SAMPLES} events`);
    const seen = dashboard.samples.filter((sample) => sample.topic === topic);
    assertCounts(seen.map(({ payload }) => eventNumber(payload)));
    assertCounts(dashboard.offsets(topic));
  });

  test("a Python device gets a desired value once, and answers a command, both sent while it was away", async (gateway) => {
    const name = uniqueName("py");
    const token = await operator.addDevice(gateway, name);
    await stream(gateway, token, 0);
    const dashboard = await DashboardPeer.connect(gateway, gateway.token);
    const accepted = await dashboard.write(`${name}/target`, { degrees: 21 });
    assertEquals(accepted.status, "accepted");
    const command = dashboard.write(`${name}/command`, "blink", { timeoutMs: 180_000 });
    const second = await stream(gateway, token, 0);
    assertEquals([second.targets, second.commands], [[{ degrees: 21 }], ["blink"]]);
    const answer = await command;
    assertEquals([answer.status, answer.value], ["done", "blink"]);
    assertEquals((await stream(gateway, token, 0)).targets, []);
  });

  alone("a Python device is acknowledged after a restart of the gateway too", async (start) => {
    const first = await start();
    const name = uniqueName("py");
    const token = await operator.addDevice(first, name);
    assertEquals((await stream(first, token, 0)).acked, SAMPLES);
    await first.stop();
    await using second = await first.restart();
    const again = await stream(second, token, 0);
    assert(again.acked === SAMPLES && again.unacked === 0);
  });
});
