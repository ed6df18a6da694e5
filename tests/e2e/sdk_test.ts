/** The SDK against the gateway as it is shipped, and the examples on Deno and on Bun. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  ClosedError,
  connectDashboard,
  connectDevice,
  type DashboardOptions,
  type Device,
  type DeviceOptions,
  type Gap,
  RefusedError,
  type Sample,
  type Status,
} from "../../client/mod.ts";
import { Cutter } from "../support/cuttable_socket.ts";
import { eachForm, uniqueName } from "../support/each_form.ts";
import { shippedForms } from "../support/forms.ts";
import { LineProgram } from "../support/line_program.ts";
import { operator } from "../support/operator.ts";

/** Long enough for the slowest form on a busy machine; a test that waits for it has failed. */
const DEADLINE_MS = 60_000;

/** Collects samples until `enough` says so. */
class Collector {
  readonly samples: Sample[] = [];
  readonly gaps: Gap[] = [];
  #waiting: { enough: (samples: Sample[]) => boolean; resolve: () => void } | undefined;

  readonly onSample = (sample: Sample): void => {
    this.samples.push(sample);
    if (this.#waiting?.enough(this.samples)) this.#waiting.resolve();
  };
  readonly onGap = (gap: Gap): void => void this.gaps.push(gap);

  async until(enough: (samples: Sample[]) => boolean): Promise<void> {
    if (enough(this.samples)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting = { enough, resolve };
    const timer = setTimeout(
      () => reject(new Error(`not enough after ${this.samples.length} samples`)),
      DEADLINE_MS,
    );
    await promise.finally(() => clearTimeout(timer));
  }
}

function reached(
  watched: { onStatus(listener: (status: Status) => void): () => void },
  state: Status["state"],
): Promise<void> {
  return new Promise((resolve) => {
    watched.onStatus((status) => {
      if (status.state === state) resolve();
    });
  });
}

/** Options of a connection that `cutter` can break and that is soon back. */
function breakable(cutter: Cutter): DashboardOptions & DeviceOptions {
  return { backoff: { minMs: 20, maxMs: 100 }, environment: { WebSocket: cutter.WebSocket } };
}

/** Breaks a connection that is open, however long it took to come back from the last time. */
async function cutOpen(peer: { opened(): Promise<void> }, cutter: Cutter): Promise<void> {
  await peer.opened();
  cutter.cut();
}

/** Lets the sockets work: a burst of publishes without it would be one batch. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 4));
}

/** The device's end of the downlink test. */
function declareWritable(device: Device, onTarget: (value: unknown) => void): void {
  device.channel({ topic: "target", encoding: "f64", writable: true, onWrite: onTarget });
  device.channel({
    topic: "add",
    class: "event",
    encoding: "json",
    writable: true,
    onWrite: (value) => {
      const [a, b] = value as number[];
      if (a === undefined || b === undefined) throw new Error("two numbers, please");
      return a + b;
    },
  });
}

type ExampleRuntime = "deno" | "bun" | "node";

/** The program that runs an example, and its arguments. */
function exampleCommand(runtime: ExampleRuntime, file: string, args: string[]): [string, string[]] {
  const path = new URL(`../../examples/${file}.ts`, import.meta.url).pathname;
  const programs = {
    deno: [Deno.execPath(), "run", "--quiet", "--allow-net"],
    bun: [Deno.env.get("TIDEGATE_BUN") ?? "bun"],
    node: [Deno.env.get("TIDEGATE_TEST_NODE") ?? "node"],
  };
  const [program, ...options] = programs[runtime];
  return [program!, [...options, path, ...args]];
}

/** Runs an example to its end and returns what it printed. */
async function example(runtime: ExampleRuntime, file: string, args: string[]): Promise<string> {
  const [program, all] = exampleCommand(runtime, file, args);
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: all,
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, `${file} on ${runtime} failed:\n${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

eachForm(({ form, test }) => {
  test("samples published by the SDK reach its subscriptions with their time, unit and class", async (gateway) => {
    const name = uniqueName("sdk");
    const token = await operator.addDevice(gateway, name);
    const dash = connectDashboard({ url: gateway.url, token: gateway.token });
    const got = new Collector();
    dash.subscribe(`${name}/+`, got);
    await dash.opened();
    const device = connectDevice({ url: gateway.url, token });
    const cpu = device.channel({ topic: "cpu", encoding: "f64", unit: "%" });
    const log = device.channel({ topic: "log", class: "event", encoding: "json" });
    assertEquals(await log.publish({ started: true }), 1);
    cpu.publish(12.5);
    const of = (topic: string) => got.samples.find((sample) => sample.topic === `${name}/${topic}`);
    await got.until(() => of("cpu") !== undefined && of("log") !== undefined);
    const { value, channel, offset } = of("cpu")!;
    assertEquals([value, channel.unit, channel.class, offset], [12.5, "%", "state", 1]);
    assertEquals(of("log")!.value, { started: true });
    assert(Math.abs(dash.delayMs(of("cpu")!)) < DEADLINE_MS, `${dash.delayMs(of("cpu")!)} ms`);
    assertEquals(device.name, name);
    await device.close();
    dash.close();
  });

  test("events survive connections that break on both sides, without hole or repeat", async (gateway) => {
    const name = uniqueName("sdk");
    const token = await operator.addDevice(gateway, name);
    const cutter = { device: new Cutter(), dash: new Cutter() };
    const dash = connectDashboard({ url: gateway.url, token: gateway.token, ...breakable(cutter.dash) });
    const got = new Collector();
    dash.subscribe(`${name}/log`, got);
    await dash.opened();
    const device = connectDevice({ url: gateway.url, token, ...breakable(cutter.device) });
    const log = device.channel({ topic: "log", class: "event", encoding: "f64" });
    const numbers = Array.from({ length: 2_000 }, (_, i) => i + 1);
    const sent: Promise<number>[] = [];
    for (const i of numbers) {
      sent.push(log.publish(i));
      if (i % 211 === 0) await cutOpen(device, cutter.device);
      if (i % 307 === 0) await cutOpen(dash, cutter.dash);
      if (i % 10 === 0) await turn();
    }
    assertEquals(await Promise.all(sent), numbers);
    await got.until((samples) => samples.at(-1)?.value === numbers.length);
    assertEquals(got.samples.map((sample) => sample.value), numbers);
    assertEquals(got.samples.map((sample) => sample.offset), numbers);
    assertEquals(got.gaps, []);
    assert(cutter.device.connections > 9 && cutter.dash.connections > 6);
    await device.close();
    dash.close();
  });

  test("the last state value arrives although every connection breaks", async (gateway) => {
    const name = uniqueName("sdk");
    const token = await operator.addDevice(gateway, name);
    const cutter = { device: new Cutter(), dash: new Cutter() };
    const dash = connectDashboard({ url: gateway.url, token: gateway.token, ...breakable(cutter.dash) });
    const got = new Collector();
    dash.subscribe(`${name}/level`, got);
    const device = connectDevice({ url: gateway.url, token, ...breakable(cutter.device) });
    const level = device.channel({ topic: "level", encoding: "f64" });
    for (let i = 1; i <= 300; i++) {
      level.publish(i);
      if (i % 70 === 0) await cutOpen(device, cutter.device);
      if (i % 110 === 0) await cutOpen(dash, cutter.dash);
      if (i % 5 === 0) await turn();
    }
    cutter.device.cut();
    await got.until((samples) => samples.at(-1)?.value === 300);
    const offsets = got.samples.map((sample) => sample.offset);
    assert(offsets.every((offset, i) => i === 0 || offset > offsets[i - 1]!), `${offsets}`);
    await device.close();
    dash.close();
  });

  test("an iterator that reads slowly gets every event, from the recording where it fell behind", async (gateway) => {
    const name = uniqueName("sdk");
    const token = await operator.addDevice(gateway, name);
    const dash = connectDashboard({ url: gateway.url, token: gateway.token });
    const subscription = dash.subscribe(`${name}/log`, { queueBytes: 20_000 });
    await dash.opened();
    const device = connectDevice({ url: gateway.url, token });
    const log = device.channel({ topic: "log", class: "event" });
    const numbers = Array.from({ length: 500 }, (_, i) => i + 1);
    await Promise.all(numbers.map(() => log.publish(new Uint8Array(1_000))));
    const offsets: number[] = [];
    for await (const { offset } of subscription) {
      offsets.push(offset);
      if (offset === numbers.length) break;
    }
    assertEquals(offsets, numbers);
    await device.close();
    dash.close();
  });

  test("desired values and commands reach the device, also when it comes later", async (gateway) => {
    const name = uniqueName("sdk");
    const token = await operator.addDevice(gateway, name);
    const dash = connectDashboard({ url: gateway.url, token: gateway.token });
    const targets: unknown[] = [];
    const applied = Promise.withResolvers<void>();
    const onTarget = (value: unknown) => {
      targets.push(value);
      if (value === 2) applied.resolve();
    };
    const first = connectDevice({ url: gateway.url, token });
    declareWritable(first, onTarget);
    await first.channel({ topic: "log", class: "event" }).publish(new Uint8Array([1])); // now all are declared
    assertEquals(await dash.write(`${name}/target`, 1), { status: "accepted" });
    assertEquals(await dash.write(`${name}/add`, [2, 3]), { status: "done", value: 5 });
    assertEquals(await dash.write(`${name}/add`, []), { status: "failed", message: "two numbers, please" });
    await first.close();
    assertEquals((await dash.write(`${name}/target`, 2)).status, "accepted");
    const second = connectDevice({ url: gateway.url, token });
    declareWritable(second, onTarget);
    await applied.promise;
    assertEquals(targets, [1, 2]);
    await assertRejects(() => dash.write(`${name}/nothing`, 1), RefusedError, "unknown_topic");
    await second.close();
    dash.close();
  });

  test("a device asks to be enrolled, is approved, and goes on with its token", async (gateway) => {
    const name = uniqueName("sdk");
    const cutter = new Cutter();
    let token = "";
    const device = connectDevice({
      url: gateway.url,
      enrol: { device: name, description: "found on a shelf" },
      onEnrolled: (_, given) => token = given,
      ...breakable(cutter),
    });
    await reached(device, "enrolling");
    assert(device.status.state === "enrolling");
    await operator.approve(gateway, device.status.code);
    await device.opened();
    const log = device.channel({ topic: "log", class: "event" });
    assertEquals(await log.publish(new Uint8Array([1])), 1);
    cutter.cut();
    assertEquals(await log.publish(new Uint8Array([2])), 2);
    assert(token.length > 20);
    await device.close();
  });

  test("a revoked token ends the SDK's session for good", async (gateway) => {
    const { id, token } = await operator.dashboardToken(gateway);
    const dash = connectDashboard({ url: gateway.url, token });
    await dash.opened();
    await operator.revokeToken(gateway, id);
    await reached(dash, "closed");
    await assertRejects(() => dash.opened(), ClosedError, "revoked");
  });

  if (form !== shippedForms()[0]) return; // the examples are the same whatever the gateway runs on
  for (const runtime of ["deno", "bun", "node"] as const) {
    test(`the examples work on ${runtime}`, async (gateway) => {
      const name = uniqueName("sdk");
      const token = await operator.addDevice(gateway, name);
      const said = await example(runtime, "device", [gateway.url, token, "10"]);
      for (const line of ["status open", "alarm 1", "status closed"]) assertStringIncludes(said, line);
      // Another that stays for as long as the others take.
      await using _device = LineProgram.start(
        ...exampleCommand(runtime, "device", [gateway.url, token, "1e9"]),
      );
      const watched = await example(runtime, "dashboard", [gateway.url, gateway.token, "12"]);
      const lines = watched.trim().split("\n").filter((line) => line.startsWith(`${name}/temperature`));
      assert(lines.length >= 10, watched); // another device's newest value may be among them
      assertStringIncludes(lines[0]!, "°C");
      const commanded = await example(runtime, "command", [gateway.url, gateway.token, name]);
      assertEquals(
        commanded,
        `target accepted\nidentify done hello operator, I am ${name}, heating to 23.5\n`,
      );
    });
  }
});
