import { assertEquals } from "@std/assert";
import { limitOf } from "../../bench/limit.ts";
import type { FlowResult } from "../../bench/load/job.ts";
import { flow, inWords, row } from "../../bench/measure.ts";
import { falling } from "../../bench/workloads/curves.ts";

const server = { name: "ours" };

/** A result over one second. */
function result(what: Partial<FlowResult>): FlowResult {
  return {
    seconds: 1,
    sent: 100,
    delivered: 1_000,
    expectedInAll: 1_000,
    deliveredInAll: 1_000,
    serverCpu: 0.5,
    serverThreads: {},
    serverWaited: 0,
    serverMemoryBefore: 0,
    serverMemoryAfter: 0,
    loadCpu: 0.5,
    brokerCpu: 0,
    lateness: { p50: 0, p99: 0 },
    latency: { p50: 1, p99: 1, p999: 1, max: 1 },
    closed: 0,
    ...what,
  };
}

Deno.test("a figure is the generator's when it alone was at its limit", () => {
  assertEquals(limitOf(result({})), "neither");
  assertEquals(limitOf(result({ loadCpu: 0.95 })), "generator");
  assertEquals(limitOf(result({ serverCpu: 0.99 })), "server");
  assertEquals(limitOf(result({ serverCpu: 0.99, loadCpu: 0.95 })), "server");
});

Deno.test("a row says what bounded a flow as fast as it goes, and when a server had no core to spare", () => {
  const { notes } = row("saturation", server, flow(10, 0, 64, 50), [result({ loadCpu: 0.95 })]);
  assertEquals(notes, ["the generator was at its limit: the server can do at least this"]);
  const full = row("heavy", server, flow(10, 10, 64, 50), [result({ serverCpu: 1, closed: 2 })]);
  assertEquals(full.notes, [
    "the server was at its limit: it had all of its core",
    "the server closed 2 connections",
  ]);
});

Deno.test("inWords says how many samples belong together", () => {
  assertEquals(
    inWords(flow(10, 20, 64, 50, { perWrite: 10 })),
    "10 devices x 20/s x 64 B, 10 samples a message, 50 dashboards",
  );
  assertEquals(
    inWords(flow(10, 0, 64, 50, { perWrite: 64 })),
    "10 devices x as fast as it goes x 64 B, 64 samples a write, 50 dashboards",
  );
});

Deno.test("falling judges each server's costs along its rows", () => {
  const at = (name: string, delivered: number) =>
    row("dashboards", { name }, flow(1, 1, 64, 1), [result({ delivered, serverCpu: 1 })]);
  const rows = [at("a", 100_000), at("b", 100_000), at("a", 95_000), at("b", 50_000)];
  const targets = falling(rows, "dashboards").map(({ targets }) => targets);
  assertEquals(targets[0], []);
  assertEquals(targets[2], [
    { goal: "CPU time of a delivery flat or falling with dashboards", reached: "10, 11 µs", met: true },
  ]);
  assertEquals(targets[3], [
    { goal: "CPU time of a delivery flat or falling with dashboards", reached: "10, 20 µs", met: false },
  ]);
});
