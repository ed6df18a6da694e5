/**
 * A spool that fills while the broker is away, and drains once it is back, beside live traffic.
 *
 * @module
 */
import { cpuSeconds, memoryBytes } from "../proc.ts";
import { brokerOf } from "./bridge.ts";
import { Histogram } from "./histogram.ts";
import type { DrainJob, DrainResult, FillJob, FillResult, Latency } from "./job.ts";
import { mqttSubscriber } from "./mqtt.ts";
import { Device } from "./tidegate.ts";

/** Events in one message of the device that fills the spool. */
const FILL_PER_WRITE = 64;

/** Live samples go out about this often, in milliseconds. */
const LIVE_EVERY_MS = 5;

/** Topics of each kind of live traffic. */
const LIVE_TOPICS = 10;

/** How often memory is looked at, in milliseconds. */
const LOOK_EVERY_MS = 100;

const turn = () => new Promise<void>((go) => setTimeout(go, 1));

/** Sends numbered events until all are on disk. */
export async function runFill(job: FillJob): Promise<FillResult> {
  const { server, events, bytes, topics } = job;
  const shape = {
    bytes,
    perWrite: FILL_PER_WRITE,
    topicsPerPublisher: topics,
    qos: 0 as const,
    events: true,
  };
  const device = await Device.connect(server, "spooled", shape, "spool");
  const startMs = performance.now();
  for (let sent = 0; sent < events;) {
    if (device.full) {
      await turn();
      continue;
    }
    const count = Math.min(FILL_PER_WRITE, events - sent);
    device.socket.write(device.encodeNumbered(sent + 1, count));
    sent += count;
  }
  while (device.unacknowledged > 0) await turn();
  return { seconds: (performance.now() - startMs) / 1_000 };
}

/** Counts the numbered events of each topic: each follows the one before it. */
class Drained {
  received = 0;
  repeated = 0;
  jumped = 0;
  firstMs = 0;
  lastMs = 0;
  readonly #last = new Map<number, number>();
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(readonly topics: number) {}

  take(bytes: Uint8Array, start: number): void {
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    const number = this.#view.getFloat64(bytes.byteOffset + start, true);
    const topic = (number - 1) % this.topics;
    const expected = (this.#last.get(topic) ?? topic + 1 - this.topics) + this.topics;
    this.lastMs = performance.now();
    this.firstMs ||= this.lastMs;
    if (number < expected) return void this.repeated++;
    if (number > expected) this.jumped++;
    this.#last.set(topic, number);
    this.received++;
  }
}

/** Live samples of one kind. */
class Live {
  received = 0;
  sent = 0;
  readonly #times = new Histogram();
  #view: DataView = new DataView(new ArrayBuffer(0));

  take(bytes: Uint8Array, start: number): void {
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    this.received++;
    this.#times.add(performance.now() - this.#view.getFloat64(bytes.byteOffset + start, true));
  }

  result(): { sent: number; received: number } & Latency {
    const times = this.#times;
    return {
      sent: this.sent,
      received: this.received,
      p50: times.quantile(0.5),
      p99: times.quantile(0.99),
      p999: times.quantile(0.999),
      max: times.max,
    };
  }
}

/** Waits for all events at the broker; live traffic flows from the first one on. */
export async function runDrain(job: DrainJob): Promise<DrainResult> {
  const { server, events, bytes, topics, liveHz, withinMs } = job;
  const drained = new Drained(topics);
  const live = { states: new Live(), events: new Live() };
  const broker = brokerOf(server);
  const watch = (device: string, taker: { take(bytes: Uint8Array, start: number): void }) =>
    mqttSubscriber(broker, `tidegate/+/${device}/#`, (bytes, start) => {
      // What the gateway says of a device is JSON.
      if (bytes[start] !== OPEN_BRACE || bytes[start + 1] !== QUOTE) taker.take(bytes, start);
    });
  await watch("spooled", drained);
  await watch("live-states", live.states);
  await watch("live-events", live.events);
  const shape = { bytes, perWrite: 1, topicsPerPublisher: LIVE_TOPICS, qos: 0 as const };
  const sources = [
    { device: await Device.connect(server, "live-states", { ...shape, events: false }), to: live.states },
    { device: await Device.connect(server, "live-events", { ...shape, events: true }), to: live.events },
  ];
  const until = performance.now() + withinMs;
  const before = { cpu: 0, memory: 0 };
  let memoryMax = 0;
  let lookedMs = 0;
  let sentUntil = 0;
  while (drained.received < events && performance.now() < until) {
    await new Promise((go) => setTimeout(go, LIVE_EVERY_MS));
    if (drained.firstMs === 0) continue;
    const now = performance.now();
    if (lookedMs === 0) {
      before.cpu = cpuSeconds(server.pid);
      before.memory = memoryBytes(server.pid);
      sentUntil = now;
    }
    if (now - lookedMs > LOOK_EVERY_MS) {
      memoryMax = Math.max(memoryMax, memoryBytes(server.pid));
      lookedMs = now;
    }
    const due = Math.floor((now - sentUntil) * liveHz / 1_000);
    if (due === 0) continue;
    sentUntil += due * 1_000 / liveHz;
    for (const { device, to } of sources) {
      device.socket.write(device.encodeTogether(performance.now(), due));
      to.sent += due;
    }
  }
  const serverCpu = cpuSeconds(server.pid) - before.cpu;
  await new Promise((go) => setTimeout(go, 1_000));
  return {
    seconds: (drained.lastMs - drained.firstMs) / 1_000,
    received: drained.received,
    repeated: drained.repeated,
    lost: events - drained.received + drained.jumped,
    states: live.states.result(),
    events: live.events.result(),
    serverCpu,
    serverMemoryBefore: before.memory,
    serverMemoryMax: memoryMax,
  };
}

const OPEN_BRACE = 0x7b, QUOTE = 0x22;
