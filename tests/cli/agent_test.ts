import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { stat } from "node:fs/promises";
import { type AgentDevice, SLOW_EVERY_MS, startAgent } from "../../cli/agent/agent.ts";
import { credentialsFile, ensureDevice, readCredentials } from "../../cli/agent/credentials.ts";
import { deviceNameOf } from "../../cli/agent/device_name.ts";
import type { FigureSource } from "../../cli/agent/source.ts";
import type { ApiClient } from "../../cli/connect.ts";
import { type Answer, FakeParts, withFolder } from "./support.ts";
import type { ChannelOptions } from "../../client/device_channel.ts";
import { UserError } from "../../cli/errors.ts";

/** A device that remembers what it was told to publish. */
class FakeDevice {
  readonly declared: ChannelOptions[] = [];
  readonly published: [string, unknown][] = [];
  closed = false;
  name = "host";

  channel(options: ChannelOptions) {
    this.declared.push(options);
    return {
      topic: options.topic,
      status: { state: "ready" },
      close() {},
      publish: (value: unknown) => {
        this.published.push([options.topic, value]);
        return options.class === "event" ? Promise.resolve(this.published.length) : true;
      },
    };
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** Lets everything that is ready run. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

const cpu = (user: number, idle: number) => ({ user, system: 0, iowait: 0, steal: 0, idle });

Deno.test("agent declares a channel at a topic's first reading, publishes, and says when it starts and stops", async () => {
  let tick = 0;
  const source: FigureSource = {
    fast: () => {
      tick++;
      return Promise.resolve({
        cpus: [cpu(tick, tick), cpu(tick, tick)],
        network: new Map(),
        disks: new Map(),
      });
    },
    slow: () => Promise.resolve({ uptimeSeconds: 5, temperatures: new Map(), filesystems: new Map() }),
  };
  const device = new FakeDevice();
  const timers = new Map<number, () => void>();
  let now = 0;
  const agent = startAgent({
    device: device as unknown as AgentDevice,
    source,
    fastEveryMs: 100,
    onError: (error) => {
      throw error;
    },
    nowMs: () => now += 100,
    every(ms, work) {
      timers.set(ms, work);
      return () => void timers.delete(ms);
    },
  });
  await turn();
  timers.get(100)!();
  await turn();
  timers.get(100)!();
  await turn();
  assertEquals([...timers.keys()], [100, SLOW_EVERY_MS]);
  await agent.stop();
  assertEquals(timers.size, 0);
  assertEquals(device.closed, true);
  assertEquals(device.declared.map(({ topic, encoding, unit }) => [topic, encoding, unit]), [
    ["agent/events", "json", undefined],
    ["uptime", "f64", "s"],
    ["cpu", "struct", undefined],
    ["cpu/0", "f64", "%"],
  ]);
  assertEquals(device.published.find(([topic]) => topic === "cpu/0"), ["cpu/0", 50]);
  const events = device.published.filter(([topic]) => topic === "agent/events");
  assertEquals(events.map(([, value]) => (value as { event: string }).event), ["started", "stopped"]);
});

Deno.test("agent leaves out readings while one is under way, and goes on after one that failed", async () => {
  const pending: PromiseWithResolvers<never>[] = [];
  const errors: unknown[] = [];
  let fast = () => {};
  const device = new FakeDevice();
  const agent = startAgent({
    device: device as unknown as AgentDevice,
    source: {
      fast() {
        const one = Promise.withResolvers<never>();
        pending.push(one);
        return one.promise;
      },
      slow: () => Promise.resolve({ temperatures: new Map(), filesystems: new Map() }),
    },
    fastEveryMs: 100,
    onError: (error) => errors.push(error),
    every(ms, work) {
      if (ms === 100) fast = work;
      return () => {};
    },
  });
  fast();
  fast();
  assertEquals(pending.length, 1);
  pending[0]!.reject(new Error("no such file"));
  await pending[0]!.promise.catch(() => {});
  await turn();
  fast();
  assertEquals([pending.length, errors.length], [2, 1]);
  await agent.stop();
});

Deno.test("deviceNameOf makes a device's name of any host's", () => {
  assertEquals(deviceNameOf("vm"), "vm");
  assertEquals(deviceNameOf("pi-4.local"), "pi-4");
  assertEquals(deviceNameOf("Ada's MacBook"), "Ada-s-MacBook");
  assertEquals(deviceNameOf("_x_"), "x_");
  assertEquals(deviceNameOf("机器"), "host");
  assertEquals(deviceNameOf("a".repeat(100)).length, 64);
});

/** An operator's interface to a gateway that `answer` plays. */
function apiOf(answer: Answer): ApiClient & { parts: FakeParts } {
  const parts = new FakeParts(answer);
  return {
    parts,
    url: undefined,
    token: undefined,
    certificate: undefined,
    request: (path, { method = "GET", body } = {}) =>
      Promise.resolve(parts.respond(path, { method, ...(body ? { body: JSON.stringify(body) } : {}) })),
    close: () => Promise.resolve(),
  };
}

Deno.test("ensureDevice adds the device once and keeps its token for the owner only", async () => {
  await withFolder(async (folder) => {
    const file = credentialsFile(`${folder}/new`, "host");
    const devices: { name: string; revokedAt: string | null }[] = [];
    const api = apiOf(({ method }) => {
      if (method === "GET") return [200, { devices }];
      devices.push({ name: "host", revokedAt: null });
      return [201, { token: "tg_host" }];
    });
    const added = await ensureDevice(api, "host", file);
    assertEquals(added, { device: "host", token: "tg_host" });
    assertEquals((await stat(file)).mode & 0o777, 0o600);
    assertEquals(await ensureDevice(api, "host", file), added);
    assertEquals(api.parts.seen.filter(({ method }) => method === "POST").length, 1);
    assertEquals(await readCredentials(file, "other"), undefined);
  });
});

Deno.test("ensureDevice leaves a revoked device revoked, and somebody else's alone", async () => {
  await withFolder(async (folder) => {
    const file = credentialsFile(folder, "host");
    const known = (revokedAt: string | null) =>
      apiOf(({ method }) => {
        assertEquals(method, "GET");
        return [200, { devices: [{ name: "host", revokedAt }] }];
      });
    const revoked = await assertRejects(
      () => ensureDevice(known("2026-01-01T00:00:00Z"), "host", file),
      UserError,
    );
    assertStringIncludes(revoked.message, "was revoked");
    const taken = await assertRejects(() => ensureDevice(known(null), "host", file), UserError);
    assertStringIncludes(taken.message, "exists already");
  });
});
