/**
 * Events that gathered while the broker was away, drained beside live traffic.
 *
 * @module
 */
import { freePort, LOAD_CORE } from "../child.ts";
import type { DrainResult, FillResult, LoadJob } from "../load/job.ts";
import { type Effort, generate } from "../measure.ts";
import { figure, type Row, type Target } from "../report/row.ts";
import { type Gateway, GATEWAYS } from "../servers.ts";
import { startBridged, startBroker } from "./brokers.ts";

/** Events a second that a drain must reach. */
const TARGET_PER_S = 15_000;

/** p99 of live traffic during a drain, device to subscriber, in milliseconds. */
const TARGET_P99_MS = 50;

/** Memory may grow by this much during a drain, in MiB. */
const BOUNDED_MIB = 128;

/** What memory grows by on Deno. */
const COLLECTOR =
  "V8 collects for the sake of buffers outside its heap when some 64 MiB of them may be dead, and " +
  "the thread that reads the spool has a heap of its own";

const TOPICS = 10, BYTES = 64, LIVE_HZ = 1_000, WITHIN_MS = 200_000;

/** The drain on each runtime: 100,000 events, a million in full. */
export async function drain(effort: Effort): Promise<Row[]> {
  const rows: Row[] = [];
  const events = effort.quick ? 100_000 : 1_000_000;
  for (const gateway of [GATEWAYS.deno, GATEWAYS.bun]) {
    effort.progress(`MQTT drain: ${gateway.name}`);
    rows.push(rowOf(gateway, events, await drainOn(gateway, events)));
  }
  return rows;
}

async function drainOn(gateway: Gateway, events: number): Promise<{ fill: FillResult; drain: DrainResult }> {
  const port = freePort();
  const away = { host: "127.0.0.1", port, pid: 0 };
  const running = await startBridged(gateway, "bridge-out", away, {});
  try {
    const server = running.address;
    const job = { server, events, bytes: BYTES, topics: TOPICS };
    const fill: FillResult = await ask({ kind: "fill", ...job });
    const broker = await startBroker(LOAD_CORE, [], port);
    try {
      const to = { ...server, broker: { host: broker.host, port, pid: broker.pid } };
      const drain: DrainResult = await ask({
        kind: "drain",
        ...job,
        server: to,
        liveHz: LIVE_HZ,
        withinMs: WITHIN_MS,
      });
      return { fill, drain };
    } finally {
      await broker.stop();
    }
  } finally {
    await running.stop();
  }
}

async function ask<T>(job: LoadJob): Promise<T> {
  return JSON.parse(await generate(job));
}

function below(which: string, p99: number): Target {
  return {
    goal: `${which} p99 under ${TARGET_P99_MS} ms`,
    reached: `${p99.toFixed(1)} ms`,
    met: p99 < TARGET_P99_MS,
  };
}

function rowOf(
  { name }: Gateway,
  events: number,
  { fill, drain }: { fill: FillResult; drain: DrainResult },
): Row {
  const perSecond = drain.received / drain.seconds;
  const grown = (drain.serverMemoryMax - drain.serverMemoryBefore) / 1_048_576;
  return {
    workload: "MQTT drain",
    server: name,
    parameters:
      `${events.toLocaleString("en-US")} events x ${BYTES} B, QoS 1, ${TOPICS} topics; live beside: ` +
      `${LIVE_HZ} states/s and ${LIVE_HZ} events/s`,
    figures: {
      deliveriesPerSecond: figure([perSecond]),
      cpuUs: figure([
        1e6 * drain.serverCpu / (drain.received + drain.states.received + drain.events.received),
      ]),
      cpuShare: figure([drain.serverCpu / drain.seconds]),
      p50: figure([drain.states.p50]),
      p99: figure([drain.states.p99]),
      eventP50: figure([drain.events.p50]),
      eventP99: figure([drain.events.p99]),
      memoryMiB: figure([drain.serverMemoryMax / 1_048_576]),
    },
    targets: [
      {
        goal: `at least ${TARGET_PER_S} events/s`,
        reached: `${Math.round(perSecond)}`,
        met: perSecond >= TARGET_PER_S,
      },
      {
        goal: "none lost",
        reached: `${drain.lost} lost`,
        met: drain.lost === 0 && drain.received === events,
      },
      below("live states", drain.states.p99),
      below("live events", drain.events.p99),
      {
        goal: "memory bounded",
        reached: `grew by ${Math.round(grown)} MiB`,
        met: grown < BOUNDED_MIB,
        bound: COLLECTOR,
      },
    ],
    notes: [
      `${drain.repeated} repeated; filled at ${Math.round(events / fill.seconds)} events/s; of live states ` +
      `${drain.states.received} of ${drain.states.sent} and of live events ${drain.events.received} of ` +
      `${drain.events.sent} had arrived a second after the end`,
    ],
  };
}
