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

/** Payload sizes, for all servers. */
export async function sizes(effort: Effort): Promise<Row[]> {
  const servers: Server[] = effort.quick
    ? [GATEWAYS.deno, GATEWAYS.bun]
    : [GATEWAYS.deno, GATEWAYS.bun, PEERS.nats, PEERS.mosquitto, PEERS.mosquittoWebSocket];
  return await curve(
    "payload size",
    servers,
    SIZES.map(([bytes, rate]) => flow(10, rate, bytes, 10)),
    effort,
  );
}

/** Time in which all dashboards have been told of a hundred thousand topics, in milliseconds. */
const MANY_TOPICS_WARM_MS = 10_000;

/** Samples a second of each device that the generator can still take in for so many dashboards. */
const rateFor = (dashboards: number): number => dashboards >= 1_000 ? 2 : dashboards >= 200 ? 100 : 1_000;

/** Dashboards from one to a thousand. */
export async function dashboards(effort: Effort): Promise<Row[]> {
  const counts = effort.quick ? [200] : [1, 10, 50, 200, 1_000];
  const flows = counts.map((count) => flow(10, rateFor(count), 64, count));
  return await curve("dashboards", [GATEWAYS.deno, GATEWAYS.bun], flows, effort);
}

/** Topics from ten to a hundred thousand, written in turn at the same rate. */
export async function topics(effort: Effort): Promise<Row[]> {
  const counts = effort.quick ? [10_000] : [10, 1_000, 10_000, 100_000];
  const flows = counts.map((count) => {
    const publishers = count > 10_000 ? 50 : 10;
    return flow(publishers, 5_000 / publishers, 64, 10, { topicsPerPublisher: count / publishers });
  });
  return await curve("topics", [GATEWAYS.deno, GATEWAYS.bun], flows, effort);
}

async function curve(name: string, servers: Server[], flows: Flow[], effort: Effort): Promise<Row[]> {
  const rows: Row[] = [];
  const short = {
    ...effort,
    repeats: effort.quick ? 1 : effort.repeats,
    measureMs: effort.quick ? 1_500 : 4_000,
  };
  for (const what of flows) {
    const many = what.publishers * what.topicsPerPublisher > 10_000;
    const settled = many ? { ...short, warmMs: MANY_TOPICS_WARM_MS } : short;
    rows.push(...(await compare(name, servers, what, settled)).rows);
  }
  return rows;
}
