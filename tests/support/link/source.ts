/**
 * A device for one side of a network, as a program of its own: adds itself at the gateway with an operator's token
 * and publishes at a steady rate over a WebSocket until its standard input ends.
 *
 * ```sh
 * bun source.ts '{"url":"http://10.77.0.1:8080","token":"…","device":"d","hz":100,"bytes":200,"topics":1}'
 * ```
 *
 * The topic is `<device>/state`, of several `<device>/state/0` and so on; every fifth turn also makes one event on
 * `<device>/event`. Each payload begins with the time at which it was made, as the f64 of `Date.now()` with fractions. At the end it prints how
 * much it made.
 *
 * @module
 */
import process from "node:process";
import { connectDevice } from "../../../client/mod.ts";

/** What to publish. */
export interface SourceJob {
  url: string;
  /** An operator's. */
  token: string;
  device: string;
  /** Turns a second; in each one a sample of every state topic is made. */
  hz: number;
  /** Length of a payload. */
  bytes: number;
  /** Share of a payload's bytes behind its time that change from turn to turn, at random places; 1 = all are random. Default 0. */
  changes?: number;
  topics: number;
}

/** What was published. */
export interface SourceReport {
  states: number;
  events: number;
}

/** Each payload begins with the time as an f64. */
const TIME_BYTES = 8;

/** Turns for one event. */
const EVENT_EVERY = 5;

/** What to add to `performance.now()` for the time of `Date.now()`, which alone changes only each millisecond. */
function clockBase(): number {
  let base = -Infinity;
  for (let edges = 0, last = Date.now(); edges < 30;) {
    const now = Date.now();
    if (now === last) continue;
    base = Math.max(base, now - performance.now());
    last = now;
    edges++;
  }
  return base;
}

/** Sets this share of the bytes behind the time anew. */
function random(payload: Uint8Array<ArrayBuffer>, share: number): Uint8Array<ArrayBuffer> {
  const body = payload.subarray(TIME_BYTES);
  const count = Math.ceil(body.length * share);
  for (let i = 0; i < count; i++) {
    body[share === 1 ? i : Math.floor(Math.random() * body.length)] = Math.random() * 256;
  }
  return payload;
}

async function addDevice(job: SourceJob): Promise<string> {
  const response = await fetch(`${job.url}/v1/devices`, {
    method: "POST",
    headers: { authorization: `Bearer ${job.token}`, "content-type": "application/json" },
    body: JSON.stringify({ name: job.device }),
  });
  if (!response.ok) throw new Error(`the gateway answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { token: string }).token;
}

async function main(job: SourceJob): Promise<void> {
  const device = connectDevice({ url: job.url, token: await addDevice(job) });
  const states = Array.from(
    { length: job.topics },
    (_, i) => device.channel({ topic: job.topics === 1 ? "state" : `state/${i}`, encoding: "raw" }),
  );
  const event = device.channel({ topic: "event", class: "event", encoding: "raw" });
  await device.opened();
  const report: SourceReport = { states: 0, events: 0 };
  const payloads = states.map(() => random(new Uint8Array(job.bytes), 1));
  const baseMs = clockBase();
  const startMs = performance.now();
  let turn = 0;
  let stopped = false;
  const tick = () => {
    if (stopped) return;
    const nowMs = baseMs + performance.now();
    states.forEach((state, i) => {
      const payload = random(payloads[i]!, job.changes ?? 0);
      new DataView(payload.buffer).setFloat64(0, nowMs);
      state.publish(payload);
    });
    report.states += job.topics;
    if (++turn % EVENT_EVERY === 0) {
      report.events++;
      event.publish(payloads[0]!).catch(() => {});
    }
    const nextMs = startMs + turn * 1_000 / job.hz;
    setTimeout(tick, Math.max(0, nextMs - performance.now()));
  };
  tick();
  console.log("started");
  for await (const _ of process.stdin);
  stopped = true;
  await device.close();
  console.log(JSON.stringify(report));
}

await main(JSON.parse(process.argv[2]!));
