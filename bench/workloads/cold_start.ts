/**
 * From starting the program until it listens, with an empty data folder and with one of an earlier run.
 *
 * @module
 */
import type { Effort } from "../measure.ts";
import { figure, type Row } from "../report/row.ts";
import { GATEWAYS, startGateway } from "../servers.ts";

/** Most milliseconds until it listens. */
const TARGET_MS = 400;

/** Starts each form several times over the same folder; the first start makes the database. */
export async function coldStart(effort: Effort): Promise<Row[]> {
  const rows: Row[] = [];
  for (const server of Object.values(GATEWAYS)) {
    effort.progress(`cold start: ${server.name}`);
    const data = await Deno.makeTempDir({ prefix: "tidegate-bench-" });
    const times: number[] = [];
    for (let i = 0; i < (effort.quick ? 4 : 10); i++) {
      const startMs = performance.now();
      const running = await startGateway(server.program, server.args, { data, cores: "0,1" });
      times.push(performance.now() - startMs);
      await running.stop();
    }
    await Deno.remove(data, { recursive: true });
    const ms = figure(times.slice(1));
    rows.push({
      workload: "cold start",
      server: server.name,
      parameters: "on both cores, until run.json names the address; first start with a new folder beside",
      figures: { startMs: ms, firstStartMs: figure(times.slice(0, 1)) },
      targets: [{
        goal: `listening within ${TARGET_MS} ms`,
        reached: `${Math.round(ms.median)} ms`,
        met: ms.median <= TARGET_MS,
      }],
      notes: [],
    });
  }
  return rows;
}
