/**
 * What it costs to send to many dashboards over data channels: the gateway on Deno and on Bun, and libdatachannel
 * sending as many messages of the same length. Sender on one core, receivers on the other.
 *
 * @module
 */
import { Child, LOAD_CORE, output, pinned } from "../child.ts";
import { GATEWAYS, type Running } from "../servers.ts";
import type { CostJob, CostResult, GatewayJob } from "./cost_job.ts";
import type { PlainTraffic } from "./plain_sender.ts";

/** The load that is asked about. */
const LOAD = { peers: 50, topics: 100, hz: 20, bytes: 32 };

/** How long to measure. */
export interface CostEffort {
  warmMs: number;
  measureMs: number;
  progress(text: string): void;
}

/** One line of the report, in the order of its columns. */
export type CostLine = Record<string, string>;

const bun = Deno.env.get("TIDEGATE_BUN") ?? "bun";
const here = (file: string) => new URL(file, import.meta.url).pathname;

/** Runs the receiving program to its end. */
async function receive(job: CostJob): Promise<CostResult> {
  const program = pinned(LOAD_CORE, bun, [here("cost_client.ts"), JSON.stringify(job)]);
  return JSON.parse(await output("nice", program));
}

function lineOf(
  sender: string,
  pattern: string,
  result: CostResult,
  samples: number,
  made: number,
): CostLine {
  const { seconds, senderCpu, messages } = result;
  const whole = (value: number) => Math.round(value).toLocaleString("en");
  return {
    sender,
    pattern,
    "samples/s": whole(samples / seconds),
    delivered: made === 0 ? "" : `${(100 * samples / made).toFixed(1)} %`,
    "messages/s": whole(messages / seconds),
    "bytes each": whole(result.messageBytes / messages),
    "confirmations/s": whole(result.confirms / seconds),
    "core": `${(100 * senderCpu / seconds).toFixed(0)} %`,
    "samples/CPU-s": whole(samples / senderCpu),
    "messages/CPU-s": whole(messages / senderCpu),
    "age p50 / p99": made === 0 ? "" : `${result.ageP50.toFixed(1)} / ${result.ageP99.toFixed(0)} ms`,
    "on WebRTC": `${result.overRtc}`,
    "receivers' core": `${(100 * result.receiverShare).toFixed(0)} %`,
  };
}

async function gatewayCost(
  start: () => Promise<Running>,
  pattern: GatewayJob["pattern"],
  effort: CostEffort,
): Promise<CostResult> {
  const running = await start();
  try {
    const { host, port, token = "", pid } = running.address;
    const { warmMs, measureMs } = effort;
    const url = `http://${host}:${port}`;
    return await receive({ kind: "gateway", url, pid, token, pattern, warmMs, measureMs, ...LOAD });
  } finally {
    await running.stop();
  }
}

/** The traffic of a measurement once more, from libdatachannel alone. */
async function plainCost(like: CostResult, effort: CostEffort): Promise<CostResult> {
  const perSecond = like.messages / like.seconds / LOAD.peers;
  const perTurn = Math.max(1, Math.round(perSecond / LOAD.hz));
  const traffic: PlainTraffic = {
    bytes: Math.round(like.messageBytes / like.messages),
    perTurn,
    turnsPerSecond: perSecond / perTurn,
  };
  const child = Child.start(bun, [here("plain_sender.ts"), JSON.stringify(traffic)]);
  try {
    const url = await child.until(() => Promise.resolve(/http:\S+/.exec(child.printed)?.[0]));
    const confirmsPerSecond = like.confirms / like.seconds / LOAD.peers;
    const { warmMs, measureMs } = effort;
    const { pid } = child;
    return await receive({
      kind: "plain",
      url,
      pid,
      peers: LOAD.peers,
      confirmsPerSecond,
      warmMs,
      measureMs,
    });
  } finally {
    await child.stop();
  }
}

/** Measures all senders. */
export async function cost(effort: CostEffort): Promise<CostLine[]> {
  const lines: CostLine[] = [];
  for (const pattern of ["together", "spread"] as const) {
    let like: CostResult | undefined;
    for (const gateway of [GATEWAYS.deno, GATEWAYS.bun]) {
      effort.progress(`cost, ${gateway.name}, ${pattern}`);
      const result = await gatewayCost(() => gateway.start(), pattern, effort);
      lines.push(lineOf(gateway.name, pattern, result, result.samples, result.made * LOAD.peers));
      effort.progress(JSON.stringify(lines.at(-1)));
      like = result;
    }
    if (!like) continue;
    effort.progress(`cost, libdatachannel, ${pattern}`);
    const result = await plainCost(like, effort);
    lines.push(lineOf("libdatachannel", pattern, result, result.messages * like.samples / like.messages, 0));
    effort.progress(JSON.stringify(lines.at(-1)));
  }
  return lines;
}
