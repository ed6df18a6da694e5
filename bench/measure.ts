/**
 * One measurement: a fresh server on its core, the generator on the other, one job.
 *
 * @module
 */
import { LOAD_CORE, output, pinned } from "./child.ts";
import { GENERATOR_FULL, type Limit, limitOf } from "./limit.ts";
import type { FlowJob, FlowResult, IdleJob, IdleResult, LoadJob } from "./load/job.ts";
import { type Figure, figure, type Row } from "./report/row.ts";
import type { Running, Server } from "./servers.ts";

const GENERATOR = new URL("load/main.ts", import.meta.url).pathname;
const BUN = Deno.env.get("TIDEGATE_BUN") ?? "bun";

/** A timer that is later than this shows that the generator had to wait for its core, in milliseconds. */
const LATE_MS = 10;

/** How thorough to be. */
export interface Effort {
  quick: boolean;
  repeats: number;
  warmMs: number;
  measureMs: number;
  /** Told what is being measured. */
  progress(text: string): void;
}

/** Parameters of a flow, without what the measurement adds. */
export type Flow = Omit<FlowJob, "kind" | "server" | "warmMs" | "measureMs">;

/** The usual flow: one topic each, every sample by itself, everybody reads. */
export function flow(
  publishers: number,
  rateHz: number,
  bytes: number,
  subscribers: number,
  more: Partial<Flow> = {},
): Flow {
  return {
    publishers,
    rateHz,
    bytes,
    subscribers,
    perWrite: 1,
    topicsPerPublisher: 1,
    qos: 0,
    events: false,
    stalled: 0,
    ...more,
  };
}

/** Has the generator do a job; what it printed. */
export function generate(job: LoadJob): Promise<string> {
  return output("nice", pinned(LOAD_CORE, BUN, [GENERATOR, JSON.stringify(job)]));
}

/** Has the generator do an idle job. */
export async function idle(server: Running, devices: number, before: number): Promise<IdleResult> {
  const job: IdleJob = { kind: "idle", server: server.address, devices, before };
  return JSON.parse(await generate(job));
}

/** Measures a flow on a fresh server. */
export async function measure(server: Server, what: Flow, effort: Effort): Promise<FlowResult> {
  const running = await server.start();
  try {
    return await measureOn(running, what, effort);
  } finally {
    await running.stop();
  }
}

/** Measures a flow on a server that runs. */
export async function measureOn(running: Running, what: Flow, effort: Effort): Promise<FlowResult> {
  const { warmMs, measureMs } = effort;
  const job: FlowJob = { kind: "flow", server: running.address, warmMs, measureMs, ...what };
  return JSON.parse(await generate(job));
}

/** Measures a flow on each server in turn, as often as the effort says; a server that fails is left out with a note. */
export async function compare(
  workload: string,
  servers: readonly Server[],
  what: Flow,
  effort: Effort,
): Promise<{ rows: Row[]; results: Map<Server, FlowResult[]> }> {
  const results = new Map<Server, FlowResult[]>(servers.map((server) => [server, []]));
  const failures = new Map<Server, string>();
  const refused = new Map<Server, number>();
  for (let turn = 0; turn < effort.repeats; turn++) {
    for (const server of servers) {
      if (failures.has(server)) continue;
      effort.progress(`${workload}: ${server.name}, ${turn + 1} of ${effort.repeats}`);
      try {
        const result = await measure(server, what, effort);
        if (what.rateHz > 0 && limitOf(result) === "generator") {
          refused.set(server, (refused.get(server) ?? 0) + 1);
        } else results.get(server)!.push(result);
      } catch (error) {
        failures.set(server, (error as Error).message);
      }
    }
  }
  const rows = servers.map((server) => {
    const made = row(workload, server, what, results.get(server)!, failures.get(server));
    const count = refused.get(server);
    if (count !== undefined) {
      made.notes.push(
        `${count} of ${effort.repeats} runs refused: the generator was busy for more than ${
          GENERATOR_FULL * 100
        } % of ` +
          "the time, so the figure would have been its own",
      );
    }
    return made;
  });
  return { rows, results };
}

/** A flow in words. */
export function inWords(
  { publishers, rateHz, bytes, subscribers, perWrite, topicsPerPublisher }: Flow,
): string {
  const rate = rateHz === 0 ? "as fast as it goes" : `${rateHz}/s`;
  const unit = rateHz === 0 ? "write" : "message";
  const packed = perWrite === 1 ? "" : `, ${perWrite} samples a ${unit}`;
  const topics = topicsPerPublisher === 1 ? "" : `, ${topicsPerPublisher} topics each`;
  return `${publishers} devices x ${rate} x ${bytes} B${packed}${topics}, ${subscribers} dashboards`;
}

/** The row of one server's repeats. */
export function row(
  workload: string,
  server: { name: string },
  what: Flow,
  results: FlowResult[],
  failure?: string,
): Row {
  const of = (value: (one: FlowResult) => number): Figure => figure(results.map(value));
  return {
    workload,
    server: server.name,
    parameters: inWords(what),
    figures: results.length === 0 ? {} : {
      perCpuSecond: of((one) => one.delivered / one.serverCpu),
      samplesPerCpuSecond: of((one) => one.sent / one.serverCpu),
      deliveriesPerSecond: of((one) => one.delivered / one.seconds),
      samplesPerSecond: of((one) => one.sent / one.seconds),
      cpuShare: of((one) => one.serverCpu / one.seconds),
      waitedShare: of((one) => one.serverWaited / one.seconds),
      p50: of((one) => one.latency.p50),
      p99: of((one) => one.latency.p99),
      p999: of((one) => one.latency.p999),
      lost: of((one) => one.expectedInAll - one.deliveredInAll),
      loadShare: of((one) => one.loadCpu / one.seconds),
      lateP99: of((one) => one.lateness.p99),
      memoryMiB: of((one) => one.serverMemoryAfter / 1_048_576),
      ...(results[0]!.stalledAge === undefined ? {} : { stalledAge: of((one) => one.stalledAge ?? 0) }),
    },
    targets: [],
    notes: failure === undefined ? notes(what, results) : [failure.split("\n").slice(0, 3).join(" ")],
  };
}

/** What to say of a flow as fast as it goes. */
const BOUNDED_BY: Record<Limit, string> = {
  server: "bounded by the server: it had all of its core",
  generator: "the generator was at its limit: the server can do at least this",
  neither:
    "neither the server nor the generator had all of its core: bounded by the samples under way and their delay",
};

function notes(what: Flow, results: FlowResult[]): string[] {
  const found: string[] = [];
  const lost = results.reduce((sum, one) => sum + one.expectedInAll - one.deliveredInAll, 0);
  const expected = results.reduce((sum, one) => sum + one.expectedInAll, 0);
  if (lost !== 0) found.push(`${(100 * lost / expected).toPrecision(2)} % not delivered`);
  const limits = results.map(limitOf);
  if (what.rateHz === 0) { for (const limit of new Set(limits)) found.push(BOUNDED_BY[limit]); }
  else if (limits.includes("server")) found.push("the server was at its limit: it had all of its core");
  const closed = results.reduce((sum, one) => sum + one.closed, 0);
  if (closed > 0) found.push(`the server closed ${closed} connections`);
  if (what.rateHz > 0 && results.some((one) => one.lateness.p99 > LATE_MS)) {
    found.push("the generator had to wait for its core: latency is the machine's");
  }
  return found;
}
