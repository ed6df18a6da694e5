/**
 * The flow of a {@link FlowJob}: publish at a fixed rate, count and time every delivery.
 *
 * @module
 */
import process from "node:process";
import { cpuSeconds, memoryBytes, threadTimes } from "../proc.ts";
import type { Client, Publisher, Subscriber } from "./client.ts";
import { Histogram } from "./histogram.ts";
import { type Poller, poller } from "./poller.ts";
import { Window } from "./window.ts";
import type { FlowJob, FlowResult, ServerAddress } from "./job.ts";

/** What is under way at the end has arrived when nothing came for this long, in milliseconds. */
const QUIET_MS = 500;

/** It is waited for so long at most, in milliseconds: a server that was overloaded may need minutes. */
const DRAIN_MS = 2_500;

/** Subscribers that connect at a time. */
const CONNECT_AT_A_TIME = 20;

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** What is counted while it flows. */
class Counts {
  sent = 0;
  delivered = 0;
  measuring = false;
  readonly latency = new Histogram();
  readonly lateness = new Histogram();
  #view: DataView | undefined;
  #of: ArrayBufferLike | undefined;

  constructor(private readonly poller: Poller) {}

  /** A sample arrived at a subscriber that reads. */
  readonly arrived = (bytes: Uint8Array, start: number): void => {
    this.delivered++;
    if (this.measuring) this.latency.add(this.poller.readMs - this.stamp(bytes, start));
  };

  stamp(bytes: Uint8Array, start: number): number {
    if (this.#of !== bytes.buffer) {
      this.#of = bytes.buffer;
      this.#view = new DataView(bytes.buffer);
    }
    return this.#view!.getFloat64(bytes.byteOffset + start, true);
  }
}

/** Moments at which the measurement begins and ends. */
class Snapshot {
  readonly atMs = performance.now();
  readonly load = process.cpuUsage();
  readonly cpu: number;
  readonly threads: ReturnType<typeof threadTimes>;
  readonly memory: number;
  readonly sent: number;
  readonly delivered: number;
  readonly broker: number;

  constructor({ pid, broker }: ServerAddress, counts: Counts) {
    this.cpu = cpuSeconds(pid);
    this.broker = broker ? cpuSeconds(broker.pid) : 0;
    this.threads = threadTimes(pid);
    this.memory = memoryBytes(pid);
    this.sent = counts.sent;
    this.delivered = counts.delivered;
  }
}

/** Runs a job. */
export async function runFlow(client: Client, job: FlowJob): Promise<FlowResult> {
  const poll = await poller();
  const counts = new Counts(poll);
  const publishers: Publisher[] = [];
  for (let i = 0; i < job.publishers; i++) publishers.push(await client.publisher(i, job));
  await connectInTurns(job.subscribers - job.stalled, () => client.subscriber(counts.arrived));
  let stalledAge = 0;
  const stalled: Subscriber[] = await connectInTurns(
    job.stalled,
    () => client.subscriber((bytes, start) => stalledAge = performance.now() - counts.stamp(bytes, start)),
  );
  if (job.rateHz > 0) pace(poll, publishers, job, counts);
  else flood(poll, publishers, job, counts);
  await wait(job.warmMs);
  for (const one of stalled) one.socket.pause();
  counts.measuring = true;
  const before = new Snapshot(job.server, counts);
  await wait(job.measureMs);
  const after = new Snapshot(job.server, counts);
  counts.measuring = false;
  if (stalled.length > 0) {
    for (const one of stalled) one.socket.resume();
    await wait(1_000);
  }
  poll.onTick = () => {};
  poll.onRound = () => false;
  await settled(counts, counts.sent * (job.subscribers - job.stalled));
  return {
    ...result(job, counts, before, after, job.stalled > 0 ? stalledAge : undefined),
    closed: poll.closed,
  };
}

async function connectInTurns<T>(count: number, connect: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < count) {
    const turn = Math.min(CONNECT_AT_A_TIME, count - all.length);
    all.push(...await Promise.all(Array.from({ length: turn }, connect)));
  }
  return all;
}

/** Waits until all has arrived, or nothing comes any more. */
async function settled(counts: Counts, expected: number): Promise<void> {
  const endMs = performance.now() + DRAIN_MS;
  for (let last = -1; counts.delivered < expected && counts.delivered !== last;) {
    last = counts.delivered;
    const quietMs = Math.min(QUIET_MS, endMs - performance.now());
    if (quietMs <= 0) return;
    await wait(quietMs);
  }
}

/** Sends at the job's rate, each publisher at a phase of its own; what one owes at a tick goes in one write. */
function pace(poll: Poller, publishers: Publisher[], job: FlowJob, counts: Counts): void {
  const periodMs = 1_000 * job.perWrite / job.rateHz;
  const startMs = performance.now();
  const done = new Float64Array(publishers.length);
  poll.onTick = () => {
    const elapsed = performance.now() - startMs;
    for (let i = 0; i < publishers.length; i++) {
      const owed = Math.floor((elapsed - periodMs * i / publishers.length) / periodMs) - done[i]!;
      if (owed <= 0) continue;
      counts.lateness.add((owed - 1) * periodMs);
      if (publishers[i]!.full) continue;
      done[i]! += owed;
      counts.sent += owed * job.perWrite;
      publishers[i]!.socket.write(publishers[i]!.encode(performance.now(), owed));
    }
  };
}

/** Sends as fast as the server delivers. */
function flood(poll: Poller, publishers: Publisher[], job: FlowJob, counts: Counts): void {
  const window = new Window(job.subscribers - job.stalled);
  poll.onRound = () => {
    let wrote = false;
    for (const publisher of publishers) {
      if (publisher.full || publisher.socket.writableLength > 0) continue;
      const nowMs = performance.now();
      if (!window.open(counts.sent, counts.delivered, nowMs)) return wrote;
      counts.sent += job.perWrite;
      publisher.socket.write(publisher.encode(nowMs, 1));
      wrote = true;
    }
    return wrote;
  };
}

function result(
  job: FlowJob,
  counts: Counts,
  before: Snapshot,
  after: Snapshot,
  stalledAge: number | undefined,
): Omit<FlowResult, "closed"> {
  const { latency, lateness } = counts;
  const seconds = (after.atMs - before.atMs) / 1_000;
  const threads: Record<string, number> = {};
  let waited = 0;
  for (const [id, { name, cpu, waited: until }] of after.threads) {
    const former = before.threads.get(id);
    waited += until - (former?.waited ?? 0);
    threads[name] = (threads[name] ?? 0) + cpu - (former?.cpu ?? 0);
  }
  const load = (after.load.user + after.load.system - before.load.user - before.load.system) / 1e6;
  return {
    seconds,
    sent: after.sent - before.sent,
    delivered: after.delivered - before.delivered,
    expectedInAll: counts.sent * (job.subscribers - job.stalled),
    deliveredInAll: counts.delivered,
    serverCpu: after.cpu - before.cpu,
    serverThreads: Object.fromEntries(Object.entries(threads).filter(([, cpu]) => cpu > seconds / 100)),
    serverWaited: waited,
    serverMemoryBefore: before.memory,
    serverMemoryAfter: after.memory,
    loadCpu: load,
    brokerCpu: after.broker - before.broker,
    lateness: { p50: lateness.quantile(0.5), p99: lateness.quantile(0.99) },
    latency: {
      p50: latency.quantile(0.5),
      p99: latency.quantile(0.99),
      p999: latency.quantile(0.999),
      max: latency.max,
    },
    ...(stalledAge === undefined ? {} : { stalledAge }),
  };
}
