/**
 * How the cost changes with the size of a payload, the number of dashboards and the number of topics.
 *
 * @module
 */
import { compare, type Effort, type Flow, flow } from "../measure.ts";
import type { Row } from "../report/row.ts";
import { GATEWAYS, PEERS, type Server } from "../servers.ts";

/** Payloads, each with a rate that keeps the bytes within what one core moves. */
const SIZES: readonly (readonly [bytes: number, rateHz: number])[] = [
  [16, 500],
  [256, 500],
  [4_096, 200],
  [60_000, 20],
];

/** Left out of a quick run, which has to end within three minutes. */
const LEFT_OUT_BYTES = 256;

/** Payload sizes, for all servers. */
export async function sizes(effort: Effort): Promise<Row[]> {
  const servers: Server[] = effort.quick
    ? ours(effort)
    : [...ours(effort), PEERS.nats, PEERS.mosquitto, PEERS.mosquittoWebSocket];
  return await curve(
    "payload size",
    servers,
    SIZES.filter(([bytes]) => !effort.quick || bytes !== LEFT_OUT_BYTES).map(([bytes, rate]) =>
      flow(10, rate, bytes, 10)
    ),
    effort,
  );
}

/** Time in which all dashboards have been told of a hundred thousand topics, in milliseconds. */
const MANY_TOPICS_WARM_MS = 10_000;

/** The gateway's forms that a curve is taken of. */
function ours(effort: Effort): Server[] {
  return effort.quick ? [GATEWAYS.deno, GATEWAYS.bun] : Object.values(GATEWAYS);
}

/**
 * Dashboards from one to a thousand, all with the same ten devices, so that what a sample costs before it is sent
 * and how many samples a send carries is the same in each row. A thousand dashboards bound the rate: each of the 20
 * messages a second is a send to each.
 */
export async function dashboards(effort: Effort): Promise<Row[]> {
  const counts = effort.quick ? [200] : [1, 10, 50, 200, 1_000];
  const flows = counts.map((count) => flow(10, 20, 64, count, { perWrite: 10 }));
  return falling(await curve("dashboards", ours(effort), flows, effort), "dashboards");
}

/** Devices that the topics belong to. */
const OWNERS = 50;

/** What is left of growth with topics. */
const HEAP = "the collector and the processor's caches see a heap that grows with the topics";

/** Topics from fifty to a hundred thousand, of the same devices and written in turn at the same rate; and one. */
export async function topics(effort: Effort): Promise<Row[]> {
  const counts = effort.quick ? [10_000] : [50, 1_000, 10_000, 100_000];
  const flows = counts.map((count) =>
    flow(OWNERS, 5_000 / OWNERS, 64, 10, { topicsPerPublisher: count / OWNERS })
  );
  const rows = falling(await curve("topics", ours(effort), flows, effort), "topics", HEAP);
  if (effort.quick) return rows;
  // One device cannot be fifty: this row has the same samples from fewer sockets and stands by itself.
  return [...await curve("topics", ours(effort), [flow(1, 5_000, 64, 10)], effort), ...rows];
}

/** A cost that is higher than at the point before by no more than this is the machine's noise. */
const FLAT = 1.15;

/** Judges whether the cost of a delivery is flat or falls along the rows of each server. */
export function falling(rows: Row[], along: string, bound?: string): Row[] {
  for (const some of Map.groupBy(rows, (row) => row.server).values()) {
    const costs = some.flatMap(({ figures: { perCpuSecond } }) =>
      perCpuSecond ? 1e6 / perCpuSecond.median : []
    );
    if (costs.length < 2) continue;
    some.at(-1)!.targets.push({
      goal: `CPU time of a delivery flat or falling with ${along}`,
      reached: `${costs.map((us) => us < 100 ? us.toPrecision(2) : us.toFixed(0)).join(", ")} µs`,
      met: costs.length === some.length &&
        costs.every((cost, i) => cost <= FLAT * Math.min(...costs.slice(0, i + 1))),
      ...(bound === undefined ? {} : { bound }),
    });
  }
  return rows;
}

async function curve(name: string, servers: Server[], flows: Flow[], effort: Effort): Promise<Row[]> {
  const rows: Row[] = [];
  const short = {
    ...effort,
    repeats: 1, // each point has its neighbours to be compared with
    measureMs: effort.quick ? 1_000 : 4_000,
  };
  for (const what of flows) {
    const many = what.publishers * what.topicsPerPublisher > 10_000;
    const settled = many ? { ...short, warmMs: MANY_TOPICS_WARM_MS } : short;
    rows.push(...(await compare(name, servers, what, settled)).rows);
  }
  return rows;
}
