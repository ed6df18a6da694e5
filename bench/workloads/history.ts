/**
 * One hour of one topic out of millions of samples, thinned to 1,000 points, beside plain SQLite rows.
 *
 * @module
 */
import type { Effort } from "../measure.ts";
import { figure, type Row } from "../report/row.ts";
import { GATEWAYS, startGateway } from "../servers.ts";
import { askRows, buildRows } from "./plain_rows.ts";
import { FOLDER, KEEP_ALL, once, record } from "./recording.ts";

const TOPICS = 100;
const PERIOD_US = 100_000;
const HOUR_US = 3_600e6;
const POINTS = 1_000;
const START_US = 1_750_000_000_000_000;
const TARGET_MS = 150;

/** A wave with noise: what a sensor sends. */
export function value(topic: number, i: number): number {
  return 20 + topic + Math.sin(i / 500) + Math.fround(((i * 7_919 + topic * 104_729) % 1_000) / 10_000);
}

/** The query against each form, cold and warm, and against rows. */
export async function history(effort: Effort): Promise<Row[]> {
  const samples = effort.quick ? 10_000_000 : 100_000_000;
  const data = `${FOLDER}recording-${samples / 1e6}m`;
  const each = samples / TOPICS;
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  await once(
    data,
    () =>
      record({
        dir: data,
        topics: TOPICS,
        each,
        startUs: START_US,
        periodUs: PERIOD_US,
        encoding: "f64",
        bytes,
        fill: (topic, i) => view.setFloat64(0, value(topic, i), true),
      }),
    () => effort.progress(`history: recording ${samples / 1e6} million samples (kept for the next time)`),
  );
  const fromUs = START_US + Math.floor(each / 2) * PERIOD_US;
  const rows: Row[] = [];
  const name = `one of ${TOPICS} topics, one hour (36,000 samples) of ${
    samples / 1e6
  } million, ${POINTS} points`;
  for (const server of effort.quick ? [GATEWAYS.deno, GATEWAYS.bun] : Object.values(GATEWAYS)) {
    effort.progress(`history: ${server.name}`);
    const running = await startGateway(server.program, server.args, { data, more: KEEP_ALL });
    const { host, port, token } = running.address;
    const times: number[] = [];
    for (let i = 0; i < 11; i++) {
      const query = `from=${fromUs}&to=${fromUs + HOUR_US}&maxPoints=${POINTS}`;
      const url = `http://${host}:${port}/v1/topics/${encodeURIComponent(`dev/t${10 + i}`)}/history?${query}`;
      const startMs = performance.now();
      const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      const { total, points }: { total: number; points: unknown[] } = await answer.json();
      times.push(performance.now() - startMs);
      if (total < 36_000 || points.length > POINTS) {
        throw new Error(`wrong answer: ${total}, ${points.length}`);
      }
    }
    await running.stop();
    rows.push(historyRow(server.name, name, times, true));
  }
  const file = `${FOLDER}rows-${samples / 1e6}m.sqlite`;
  await once(
    file,
    () => Promise.resolve(buildRows(file, TOPICS, each, START_US, PERIOD_US)),
    () => effort.progress(`history: writing ${samples / 1e6} million plain rows (kept for the next time)`),
  );
  rows.push(historyRow("SQLite rows, indexed", name, askRows(file, fromUs, HOUR_US, POINTS), false));
  return rows;
}

function historyRow(server: string, parameters: string, times: number[], ours: boolean): Row {
  const queryMs = figure(times.slice(1));
  const target = {
    goal: `under ${TARGET_MS} ms`,
    reached: `${queryMs.median.toFixed(0)} ms`,
    met: queryMs.median < TARGET_MS,
  };
  return {
    workload: "history",
    server,
    parameters,
    figures: { queryMs, firstQueryMs: figure(times.slice(0, 1)) },
    targets: ours ? [target] : [],
    notes: [],
  };
}
