/**
 * A gigabyte of history read while samples stream in: delivery must not feel it.
 *
 * @module
 */
import { type Effort, flow, measure, measureOn, row } from "../measure.ts";
import { figure, type Row } from "../report/row.ts";
import { GATEWAYS, type Running, startGateway } from "../servers.ts";
import { FOLDER, KEEP_ALL, once, record } from "./recording.ts";

/** Topics of the recording, and values in each payload. */
const TOPICS = 64;
const VALUES = 8;

/** A sample every ten milliseconds on each topic, from this time on. */
const START_US = 1_750_000_000_000_000;
const PERIOD_US = 10_000;

/** Payloads on record, in bytes. */
const GIGABYTE = 1 << 30;

/** Most milliseconds until a sample is at its dashboard, at p99. */
const TARGET_MS = 20;

/** Samples on each topic. */
const EACH = GIGABYTE / (TOPICS * VALUES * 8);

/** Reads the whole recording, thinned to 1,000 points a topic, over and over. */
function readAll({ address }: Running): { stop(): Promise<{ bytes: number; seconds: number }> } {
  const { host, port, token } = address;
  let stopped = false;
  const reading = (async () => {
    const startMs = performance.now();
    let samples = 0;
    for (let topic = 0; !stopped; topic = (topic + 1) % TOPICS) {
      const query = `from=${START_US}&to=${START_US + EACH * PERIOD_US}&maxPoints=1000`;
      const url = `http://${host}:${port}/v1/topics/${encodeURIComponent(`dev/t${topic}`)}/history?${query}`;
      const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      const { total }: { total: number } = await answer.json();
      if (total < EACH) {
        throw new Error(`dev/t${topic} has ${EACH} samples on record, the answer counts ${total}`);
      }
      samples += total;
    }
    return { bytes: samples * VALUES * 8, seconds: (performance.now() - startMs) / 1_000 };
  })();
  reading.catch(() => {}); // told where it is waited for
  return {
    stop: () => {
      stopped = true;
      return reading;
    },
  };
}

/** 50,000 samples a second live, first by themselves, then beside the reading. */
export async function historyLive(effort: Effort): Promise<Row[]> {
  const data = `${FOLDER}gigabyte`;
  const payload = new Float64Array(VALUES);
  await once(data, () =>
    record({
      dir: data,
      topics: TOPICS,
      each: EACH,
      startUs: START_US,
      periodUs: PERIOD_US,
      encoding: "f64",
      bytes: new Uint8Array(payload.buffer),
      fill: (topic, i) => payload.fill(topic + i / 1_000),
    }), () => effort.progress("history beside a stream: recording a gigabyte (kept for the next time)"));
  const what = flow(50, 1_000, 64, 1, { perWrite: 10 });
  const rows: Row[] = [];
  for (const server of effort.quick ? [GATEWAYS.deno, GATEWAYS.bun] : Object.values(GATEWAYS)) {
    effort.progress(`history beside a stream: ${server.name}`);
    const longer = { ...effort, measureMs: Math.max(effort.measureMs, 6_000) };
    const alone = await measure(server, what, longer);
    const copy = await Deno.makeTempDir({ prefix: "tidegate-bench-" });
    for (const { name } of Deno.readDirSync(data)) await Deno.copyFile(`${data}/${name}`, `${copy}/${name}`);
    const running = await startGateway(server.program, server.args, { data: copy, more: KEEP_ALL });
    try {
      const reading = readAll(running);
      const beside = await measureOn(running, what, longer);
      const { bytes, seconds } = await reading.stop();
      const measured = row("history beside a stream", server, what, [beside]);
      measured.figures["readMiBPerSecond"] = figure([bytes / 1_048_576 / seconds]);
      const { p50, p99 } = alone.latency;
      measured.notes.push(`without reading: p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)} ms`);
      measured.targets.push({
        goal: `p99 under ${TARGET_MS} ms`,
        reached: `${beside.latency.p99.toFixed(1)} ms`,
        met: beside.latency.p99 < TARGET_MS,
      });
      rows.push(measured);
    } finally {
      await running.stop();
      await Deno.remove(copy, { recursive: true });
    }
  }
  return rows;
}
