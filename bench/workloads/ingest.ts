/**
 * Ingest: a hundred devices to one dashboard and the recording.
 *
 * @module
 */
import { compare, type Effort, flow } from "../measure.ts";
import type { Row } from "../report/row.ts";
import { GATEWAYS } from "../servers.ts";

/** Samples a second that must be taken in on one core. */
const TARGET = 200_000;

/** Memory may grow by this much and still count as flat, in MiB: buffers and the compactor's working set. */
const FLAT_MIB = 64;

/** Length of the full run, in milliseconds. */
const FULL_MS = 300_000;

/** A shorter run says nothing about memory: the runtime's heap is still finding its size. */
const SETTLED_S = 60;

/** Samples one by one, and ten in a message as the SDK packs them at this rate. */
export async function ingest(effort: Effort): Promise<Row[]> {
  const rows: Row[] = [];
  const servers = [GATEWAYS.deno, GATEWAYS.bun];
  for (const perWrite of [1, 10]) {
    const long = !effort.quick && perWrite === 10 ? { repeats: 1, measureMs: FULL_MS } : {};
    const once = { ...effort, repeats: 1, ...long };
    const what = flow(100, TARGET / 100, 64, 1, { perWrite });
    const { rows: some, results } = await compare("ingest", servers, what, once);
    for (const [i, server] of servers.entries()) {
      const row = some[i]!;
      const [result] = results.get(server)!;
      if (!result) continue;
      const rate = result.delivered / result.seconds;
      const lost = result.expectedInAll - result.deliveredInAll;
      const grown = (result.serverMemoryAfter - result.serverMemoryBefore) / 1_048_576;
      row.targets.push(
        { text: `at least ${TARGET} samples/s: ${Math.round(rate)}`, met: rate > TARGET * 0.98 },
        { text: `none lost: ${lost}`, met: lost === 0 },
      );
      if (result.seconds >= SETTLED_S) {
        const text = `memory flat over ${Math.round(result.seconds)} s: grew by ${Math.round(grown)} MiB`;
        row.targets.push({ text, met: grown < FLAT_MIB });
      }
    }
    rows.push(...some);
  }
  return rows;
}
