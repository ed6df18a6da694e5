/**
 * Ingest: a hundred devices to one dashboard and the recording.
 *
 * @module
 */
import type { FlowResult } from "../load/job.ts";
import { compare, type Effort, flow } from "../measure.ts";
import type { Row, Target } from "../report/row.ts";
import { GATEWAYS } from "../servers.ts";

/** Samples a second that must be taken in on one core. */
const TARGET = 200_000;

/** Memory may grow by this much and still count as flat, in MiB: buffers and the compactor's working set. */
const FLAT_MIB = 64;

/** What memory grows by on Deno. */
const COLLECTOR =
  "V8 collects for the sake of buffers outside its heap when some 64 MiB of them may be dead, in " +
  "each thread";

/** Length of the full run, in milliseconds. */
const FULL_MS = 300_000;

/** A shorter run says nothing about memory: the runtime's heap is still finding its size. */
const SETTLED_S = 60;

/** Samples one by one, and ten in a message as the SDK packs them at this rate. */
export async function ingest(effort: Effort): Promise<Row[]> {
  const { deno, bun, executable } = GATEWAYS;
  const servers = effort.quick ? [deno, bun] : [deno, bun, executable];
  const rows: Row[] = [];
  for (const perWrite of [1, 10]) {
    for (const server of servers) {
      // The executable is the same program as the bundle on Bun: five minutes of one of them will do.
      const long = !effort.quick && perWrite === 10 && server !== executable;
      const once = { ...effort, repeats: 1, ...long ? { measureMs: FULL_MS } : {} };
      const what = flow(100, TARGET / 100, 64, 1, { perWrite });
      const { rows: [row], results } = await compare("ingest", [server], what, once);
      const [result] = results.get(server)!;
      if (result) row!.targets.push(...judged(result));
      rows.push(row!);
    }
  }
  return rows;
}

function judged(result: FlowResult): Target[] {
  const rate = result.delivered / result.seconds;
  const lost = result.expectedInAll - result.deliveredInAll;
  const grown = (result.serverMemoryAfter - result.serverMemoryBefore) / 1_048_576;
  const targets: Target[] = [
    { goal: `at least ${TARGET} samples/s`, reached: `${Math.round(rate)}`, met: rate > TARGET * 0.98 },
    { goal: "none lost", reached: `${lost} lost`, met: lost === 0 },
  ];
  if (result.seconds >= SETTLED_S) {
    targets.push({
      goal: `memory flat over ${Math.round(result.seconds)} s`,
      reached: `grew by ${Math.round(grown)} MiB`,
      met: grown < FLAT_MIB,
      bound: COLLECTOR,
    });
  }
  return targets;
}
