import { assertAlmostEquals, assertEquals } from "@std/assert";
import { cpuShares, Metrics, topicLevel } from "../../cli/agent/metrics.ts";
import type { CpuTimes } from "../../cli/agent/proc.ts";
import { type FastFigures, linuxSource, portableSource } from "../../cli/agent/source.ts";

const cpu = (user: number, system: number, idle: number, iowait = 0): CpuTimes => ({
  user,
  system,
  iowait,
  steal: 0,
  idle,
});

function figures(change: Partial<FastFigures> = {}): FastFigures {
  return { cpus: [], network: new Map(), disks: new Map(), ...change };
}

Deno.test("cpuShares adds up to one hundred and never counts below zero", () => {
  assertEquals(cpuShares(cpu(0, 0, 0), cpu(30, 10, 50, 10)), [40, 30, 10, 10, 0]);
  assertEquals(cpuShares(cpu(0, 0, 0, 5), cpu(10, 0, 10, 0)), [50, 50, 0, 0, 0]);
  assertEquals(cpuShares(cpu(1, 2, 3), cpu(1, 2, 3)), undefined);
});

Deno.test("metrics gives no rates on the first call and rates per second from the second on", () => {
  const metrics = new Metrics();
  const at = (received: number) => figures({ network: new Map([["eth0", { received, sent: 0 }]]) });
  assertEquals(metrics.fast(at(1_000), 0), []);
  const [reading] = metrics.fast(at(1_500), 500);
  assertEquals(reading?.topic, "network/eth0");
  assertEquals(reading?.values, [1_000, 0]);
});

Deno.test("metrics takes rates over the last second, not the last tick", () => {
  const metrics = new Metrics();
  let last: readonly number[] = [];
  for (let tick = 0; tick <= 30; tick++) {
    // Nothing for two seconds, then 100 bytes a tick.
    const received = 1 + Math.max(0, tick - 20) * 100;
    last =
      metrics.fast(figures({ network: new Map([["e", { received, sent: 0 }]]) }), tick * 100)[0]?.values ??
        [];
    if (tick === 25) assertAlmostEquals(last[0]!, 500);
  }
  assertAlmostEquals(last[0]!, 1_000);
});

Deno.test("metrics gives zero when a counter starts over", () => {
  const metrics = new Metrics();
  const at = (read: number) => figures({ disks: new Map([["sda", { read, written: 0 }]]) });
  metrics.fast(at(5_000), 0);
  assertEquals(metrics.fast(at(10), 100)[0]?.values, [0, 0]);
});

Deno.test("metrics names CPUs, memory and swap with fields and units", () => {
  const metrics = new Metrics();
  const memory = { total: 100, available: 60, cached: 20, swapTotal: 10, swapFree: 4 };
  metrics.fast(figures({ cpus: [cpu(0, 0, 0), cpu(0, 0, 0)], memory }), 0);
  const readings = metrics.fast(figures({ cpus: [cpu(1, 1, 2), cpu(3, 0, 1)], memory }), 100);
  assertEquals(readings.map(({ topic }) => topic), ["cpu", "cpu/0", "memory", "swap"]);
  assertEquals(readings[0]?.fields?.map(({ name, unit }) => `${name} ${unit}`), [
    "busy %",
    "user %",
    "system %",
    "iowait %",
    "steal %",
  ]);
  assertEquals(readings[1]?.values, [75]);
  assertEquals(readings[2]?.values, [40, 60, 20, 100]);
  assertEquals(readings[3]?.values, [6, 10]);
});

Deno.test("metrics publishes slow figures where there are any", () => {
  const metrics = new Metrics();
  assertEquals(metrics.slow({ temperatures: new Map(), filesystems: new Map() }), []);
  const readings = metrics.slow({
    load: [1, 2, 3],
    uptimeSeconds: 60,
    temperatures: new Map([["x86_pkg_temp", 41.5]]),
    filesystems: new Map([["/mnt/my disk", { totalBytes: 200, freeBytes: 50 }]]),
  });
  assertEquals(readings.map(({ topic }) => topic), [
    "load",
    "uptime",
    "temperature/x86_pkg_temp",
    "filesystem/mnt-my-disk",
  ]);
  assertEquals(readings[3]?.values, [150, 50, 200, 75]);
});

Deno.test("topicLevel makes one plain level of any name", () => {
  assertEquals(["/", "/home", "/mnt/a b", "Core 0", "+/#"].map(topicLevel), [
    "root",
    "home",
    "mnt-a-b",
    "Core-0",
    "root",
  ]);
});

Deno.test("linuxSource reads a kernel's files and asks only for zones that exist", async () => {
  const asked: string[][] = [];
  const files = new Map([
    ["/proc/stat", "cpu 1 0 1 8\ncpu0 1 0 1 8\n"],
    ["/proc/loadavg", "0.5 0.4 0.3 1/2 3\n"],
    ["/sys/class/thermal/thermal_zone2/temp", "45000\n"],
    ["/sys/class/thermal/thermal_zone2/type", "soc\n"],
  ]);
  const source = linuxSource((paths) => {
    asked.push([...paths]);
    return Promise.resolve(new Map([...files].filter(([path]) => paths.includes(path))));
  });
  assertEquals((await source.fast()).cpus.length, 2);
  assertEquals((await source.slow()).temperatures, new Map([["soc", 45]]));
  const again = await source.slow();
  assertEquals(again.load, [0.5, 0.4, 0.3]);
  assertEquals(asked.at(-1)?.filter((path) => path.includes("thermal")).length, 2);
});

Deno.test("portableSource gives CPUs and memory on any system", async () => {
  const source = portableSource(".");
  const { cpus, memory } = await source.fast();
  assertEquals(cpus.length > 1, true);
  assertEquals((memory?.total ?? 0) > 0, true);
  assertEquals((await source.slow()).filesystems.size, 1);
});
