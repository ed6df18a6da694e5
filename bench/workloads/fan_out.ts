/**
 * Fan-out: ten devices, each sample its own message, to fifty dashboards.
 *
 * @module
 */
import { compare, type Effort, flow } from "../measure.ts";
import type { Row, Target } from "../report/row.ts";
import { GATEWAYS, PEERS, type Server } from "../servers.ts";

const OURS = Object.values(GATEWAYS);

/** What a delivery costs where a flush carries many samples. */
const SENDS = "each flush is a send to each dashboard, and the kernel's part of a send cannot be taken off";

/** The same where a flush carries few. */
const FLUSHES =
  "at 2,000 samples/s a p50 of 3 ms allows no fewer than some 200 flushes a second, each a send " +
  "to each dashboard; a longer limits.flush buys the factor with delay";

function servers(effort: Effort): Server[] {
  const { nats, mosquitto, mosquittoWebSocket, aedes } = PEERS;
  return effort.quick
    ? [GATEWAYS.deno, GATEWAYS.bun, nats, mosquittoWebSocket]
    : [...OURS, nats, mosquitto, mosquittoWebSocket, aedes];
}

/** Signal K's server takes much longer for a sample: it joins where the rate is low. */
function lightServers(effort: Effort): Server[] {
  return effort.quick ? servers(effort) : [...servers(effort), PEERS.signalk];
}

/**
 * A target of so many times what a peer does in a CPU second.
 *
 * @param bound What stands in its way.
 */
function times(row: Row, rows: Row[], peer: Server, factor: number, bound: string): Target[] {
  const theirs = rows.find((one) => one.server === peer.name)?.figures["perCpuSecond"];
  const own = row.figures["perCpuSecond"];
  if (!theirs || !own) return [];
  const ratio = own.median / theirs.median;
  return [{
    goal: `deliveries per CPU second at least ${factor} x ${peer.name}`,
    reached: `${ratio.toFixed(2)} x`,
    met: ratio >= factor,
    bound,
  }];
}

/** A target of at most so many milliseconds. */
export function atMost(row: Row, name: string, words: string, limit: number, unit = "ms"): Target[] {
  const figure = row.figures[name];
  if (!figure) return [];
  return [{
    goal: `${words} at most ${limit} ${unit}`,
    reached: `${figure.median.toFixed(unit === "ms" ? 1 : 0)} ${unit}`,
    met: figure.median <= limit,
  }];
}

function nothingLost(row: Row): Target[] {
  const lost = row.figures["lost"];
  return lost
    ? [{ goal: "every delivery accounted for", reached: `${lost.max} missing`, met: lost.max === 0 }]
    : [];
}

/** 1,000 samples a second of each device: 500,000 deliveries a second. */
export async function heavy(effort: Effort): Promise<Row[]> {
  const { rows } = await compare("fan-out, heavy", servers(effort), flow(10, 1_000, 64, 50), effort);
  for (const row of rows) {
    if (!OURS.some((one) => one.name === row.server)) continue;
    row.targets.push(
      ...times(row, rows, PEERS.nats, row.server === GATEWAYS.deno.name ? 2 : 3, SENDS),
      ...nothingLost(row),
      ...atMost(row, "p50", "p50", 3),
      ...atMost(row, "p99", "p99", 8),
    );
  }
  return rows;
}

/** 200 samples a second of each device: 100,000 deliveries a second. */
export async function light(effort: Effort): Promise<Row[]> {
  const { rows } = await compare("fan-out, light", lightServers(effort), flow(10, 200, 64, 50), effort);
  for (const row of rows) {
    if (!OURS.some((one) => one.name === row.server)) continue;
    row.targets.push(
      ...times(row, rows, PEERS.nats, 2, FLUSHES),
      ...times(row, rows, PEERS.mosquittoWebSocket, 4, FLUSHES),
      ...nothingLost(row),
      ...atMost(row, "p50", "p50", 3),
    );
  }
  return rows;
}

/** Latency at 100,000 deliveries a second: 1,000 samples a second of each device to ten dashboards. */
export async function latency(effort: Effort): Promise<Row[]> {
  const compared = effort.quick ? [GATEWAYS.deno, GATEWAYS.bun, PEERS.nats] : servers(effort);
  const { rows } = await compare("latency", compared, flow(10, 1_000, 64, 10), effort);
  for (const row of rows) {
    if (!OURS.some((one) => one.name === row.server)) continue;
    row.targets.push(...atMost(row, "p50", "p50", 1.5), ...atMost(row, "p99", "p99", 5));
  }
  return rows;
}

/** Samples in a write at saturation: one message of ours, so many of the others'. */
const SATURATING = 64;

/** As fast as each server goes. */
export async function saturation(effort: Effort): Promise<Row[]> {
  const once = effort.quick ? { ...effort, repeats: 1, measureMs: 1_500 } : effort;
  return (await compare("saturation", servers(effort), flow(10, 0, 64, 50, { perWrite: SATURATING }), once))
    .rows;
}
