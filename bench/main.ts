/**
 * The benchmark: every server under every workload, one command, one table.
 *
 * ```sh
 * deno task bench --quick            # less than three minutes
 * deno task bench --full             # everything
 * deno task bench heavy light        # some workloads
 * deno task bench --quick --json     # figures for programs
 * ```
 *
 * @module
 */
import { output, PRIORITY } from "./child.ts";
import type { Effort } from "./measure.ts";
import { loadAverage } from "./proc.ts";
import type { Row } from "./report/row.ts";
import { intoDocument } from "./report/document.ts";
import { svg } from "./report/svg.ts";
import { markdown, table } from "./report/table.ts";
import { GATEWAYS, PEERS } from "./servers.ts";
import { drain } from "./mqtt/drain.ts";
import { delay, into, intoBridge, outQos0, outQos1 } from "./mqtt/flows.ts";
import { coldStart } from "./workloads/cold_start.ts";
import { dashboards, sizes, topics } from "./workloads/curves.ts";
import { heavy, latency, light, saturation } from "./workloads/fan_out.ts";
import { commits } from "./workloads/commits.ts";
import { history } from "./workloads/history.ts";
import { historyLive } from "./workloads/history_live.ts";
import { idleDevices } from "./workloads/idle_devices.ts";
import { ingest } from "./workloads/ingest.ts";
import { slowDashboard } from "./workloads/slow_dashboard.ts";

const WORKLOADS: Record<string, (effort: Effort) => Promise<Row[]>> = {
  heavy,
  light,
  latency,
  saturation,
  ingest,
  slow: slowDashboard,
  idle: idleDevices,
  history,
  start: coldStart,
  sizes,
  dashboards,
  topics,
};

/** What `mqtt` stands for. */
const MQTT: typeof WORKLOADS = {
  "mqtt-out-0": outQos0,
  "mqtt-out-1": outQos1,
  "mqtt-in": into,
  "mqtt-in-bridge": intoBridge,
  "mqtt-delay": delay,
  "mqtt-drain": drain,
};

/** Left out of a quick run unless they are asked for. */
const LONGER: typeof WORKLOADS = {
  "history-live": historyLive,
  commits,
  ...MQTT,
};

const USAGE =
  `usage: deno task bench [--quick | --full] [--json] [--markdown FILE] [--svg FILE] [--repeats N] [WORKLOAD …]
workloads: ${Object.keys(WORKLOADS).join(", ")};
with --full, or by name, ${Object.keys(LONGER).join(", ")};
mqtt stands for all of MQTT's. --markdown puts the figures between the marks of a document that has them.
BENCH_NICE=-15 (root) keeps the other programs of a busy machine out.`;

interface Options {
  effort: Effort;
  json: boolean;
  markdown?: string;
  svg?: string;
  workloads: string[];
}

function parse(args: string[]): Options {
  const progress = (text: string) => console.error(`… ${text}`);
  const quick: Effort = { quick: true, repeats: 1, warmMs: 500, measureMs: 1_200, progress };
  const full: Effort = { quick: false, repeats: 3, warmMs: 2_000, measureMs: 8_000, progress };
  const options: Options = { effort: quick, json: false, workloads: [] };
  const rest = [...args];
  const next = (flag: string) => rest.shift() ?? fail(`${flag} needs a value`);
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--quick") options.effort = quick;
    else if (word === "--full") options.effort = full;
    else if (word === "--json") options.json = true;
    else if (word === "--markdown") options.markdown = next(word);
    else if (word === "--svg") options.svg = next(word);
    else if (word === "--repeats") options.effort = { ...options.effort, repeats: Number(next(word)) };
    else if (word === "mqtt") options.workloads.push(...Object.keys(MQTT));
    else if (WORKLOADS[word] ?? LONGER[word]) options.workloads.push(word);
    else fail(`${word} is neither an option nor a workload`);
  }
  return options;
}

function fail(problem: string): never {
  console.error(`${problem}\n${USAGE}`);
  Deno.exit(2);
}

/** On Linux with autogroups, `nice` counts only within a session; this counts between them. */
async function takePriority(): Promise<void> {
  if (PRIORITY === 0) return;
  await Deno.writeTextFile("/proc/self/autogroup", String(PRIORITY)).catch(() => {});
}

async function machine(): Promise<Record<string, string>> {
  const info = await Deno.readTextFile("/proc/cpuinfo");
  const model = /^model name\s*: (.*)$/m.exec(info)?.[1] ?? Deno.build.arch;
  const about: Record<string, string> = {
    date: new Date().toISOString().slice(0, 10),
    machine: `${navigator.hardwareConcurrency} cores of ${model}, Linux ${Deno.osRelease()}`,
    commit: (await output("git", ["rev-parse", "--short", "HEAD"]).catch(() => "unknown")).trim(),
    pinning: `server on core 0, load generator (Bun) on core 1, priority ${PRIORITY}`,
  };
  for (const server of [...Object.values(GATEWAYS), ...Object.values(PEERS)]) {
    about[server.name] = await server.describe().catch((error) =>
      `left out: ${(error as Error).message.split("\n")[0]}`
    );
  }
  return about;
}

/** Writes the figures into a document, in the form that the project's documents have. */
async function writeDocument(path: string, about: Record<string, string>, rows: Row[]): Promise<void> {
  const head = Object.entries(about).map(([key, text]) => `- ${key}: ${text}`).join("\n");
  const document = await Deno.readTextFile(path).catch(() => "");
  await Deno.writeTextFile(path, intoDocument(document, `${head}\n\n${markdown(rows)}`));
  if (path.endsWith(".md")) await output(Deno.execPath(), ["fmt", "-q", path]);
}

async function main(): Promise<void> {
  const options = parse(Deno.args);
  await takePriority();
  const about = await machine();
  const rows: Row[] = [];
  const failed: string[] = [];
  const loadBefore = loadAverage();
  const startMs = performance.now();
  for (const [name, run] of Object.entries({ ...WORKLOADS, ...LONGER })) {
    const usual = name in WORKLOADS || (name in LONGER && !options.effort.quick);
    const wanted = options.workloads.length === 0 ? usual : options.workloads.includes(name);
    if (!wanted) continue;
    try {
      rows.push(...await run(options.effort));
    } catch (error) {
      // What took an hour to measure is not thrown away for one workload.
      failed.push(`${name}: ${(error as Error).message}`);
    }
  }
  about["load average"] = `${loadBefore} before, ${loadAverage()} after`;
  about["took"] = `${Math.round((performance.now() - startMs) / 1_000)} s, ${options.effort.repeats} repeats`;
  const caption = `${about["date"]}, ${about["machine"]}; Tidegate with recording on`;
  if (options.json) console.log(JSON.stringify({ about, rows, failed }, undefined, 1));
  else {
    for (const [key, text] of Object.entries(about)) console.log(`${key.padEnd(25)} ${text}`);
    console.log(table(rows));
  }
  if (options.svg) {
    await Deno.writeTextFile(options.svg, svg(rows, ["fan-out, heavy", "fan-out, light"], caption));
  }
  if (options.markdown) await writeDocument(options.markdown, about, rows);
  for (const what of failed) console.error(`failed: ${what}`);
  if (failed.length > 0) Deno.exitCode = 1;
}

await main();
