/**
 * One dashboard of fifty stops reading.
 *
 * @module
 */
import { compare, type Effort, flow } from "../measure.ts";
import { figure, type Row } from "../report/row.ts";
import { GATEWAYS } from "../servers.ts";

/** The others' p99 may be this many times what it is without the slow one, with a millisecond for the machine. */
const FACTOR = 1.5;

/** Age of the newest value that the slow dashboard shows a second after it reads again, in milliseconds. */
const FRESH_MS = 500;

/** Memory may grow by this much while one dashboard reads nothing, in MiB. */
const BOUNDED_MIB = 64;

/** The same flow without and with a dashboard that stalls. */
export async function slowDashboard(effort: Effort): Promise<Row[]> {
  const servers = effort.quick ? [GATEWAYS.deno, GATEWAYS.bun] : Object.values(GATEWAYS);
  const rows: Row[] = [];
  const without = await compare("all fifty read", servers, flow(10, 1_000, 64, 50), effort);
  const withOne = await compare(
    "one of fifty stalls",
    servers,
    flow(10, 1_000, 64, 50, { stalled: 1 }),
    effort,
  );
  for (const [i, server] of servers.entries()) {
    const row = withOne.rows[i]!;
    rows.push(row);
    const results = withOne.results.get(server)!;
    const before = without.rows[i]!.figures["p99"];
    const p99 = row.figures["p99"];
    const age = row.figures["stalledAge"];
    if (results.length === 0 || !before || !p99 || !age) continue;
    const grown = figure(results.map((one) => (one.serverMemoryAfter - one.serverMemoryBefore) / 1_048_576));
    row.targets.push(
      {
        goal: "the others keep their p99",
        reached: `${before.median.toFixed(1)} ms, then ${p99.median.toFixed(1)} ms`,
        met: p99.median <= before.median * FACTOR + 1,
      },
      {
        goal: "the slow one sees the newest value",
        reached: `${Math.round(age.median)} ms old`,
        met: age.median <= FRESH_MS,
      },
      {
        goal: "memory bounded",
        reached: `grew by ${Math.round(grown.median)} MiB`,
        met: grown.median <= BOUNDED_MIB,
      },
    );
  }
  return rows;
}
