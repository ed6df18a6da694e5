import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Row, Target } from "../../bench/report/row.ts";
import { markdown, table } from "../../bench/report/table.ts";
import { judged } from "../../bench/report/targets.ts";

const row = (server: string, parameters: string, ...targets: Target[]): Row => ({
  workload: "ingest",
  server,
  parameters,
  figures: {},
  targets,
  notes: [],
});
const lost = (count: number): Target => ({ goal: "none lost", reached: `${count} lost`, met: count === 0 });

Deno.test("a target stands once for all servers that have it", () => {
  const all = judged([
    row("a", "10 devices", lost(0)),
    row("b", "10 devices", lost(3)),
    row("peer", "10 devices"),
  ]);
  assertEquals(all.map(({ workload, goal }) => [workload, goal]), [["ingest", "none lost"]]);
  assertEquals([...all[0]!.servers.keys()], ["a", "b"]);
});

Deno.test("a target stands for each of a workload's parameters when a server ran under several", () => {
  const all = judged([row("a", "10 devices", lost(0)), row("a", "20 devices", lost(3))]);
  assertEquals(all.map(({ workload }) => workload), ["ingest, 10 devices", "ingest, 20 devices"]);
});

Deno.test("what is missed is marked and explained, or said to be unexplained", () => {
  const bound = "one core";
  const rows = [row("a", "", { goal: "fast", reached: "9 ms", met: false, bound }), row("b", "", lost(1))];
  assertStringIncludes(markdown(rows), "| ingest | fast | **9 ms** | – |");
  assertStringIncludes(markdown(rows), "- **missed**: ingest, fast: one core");
  assertStringIncludes(table(rows), "MISSED 9 ms");
  assertStringIncludes(table(rows), "missed: ingest, none lost: not explained");
});
