/**
 * What bounded a flow: a figure is the server's only when its generator had time to spare, or the server had none.
 *
 * @module
 */
import type { FlowResult } from "./load/job.ts";

/** A generator that works for more than this share of the time may be what limits the figure. */
export const GENERATOR_FULL = 0.9;

/** A server that has used so much of its core could not do more, whatever the generator did. */
const SERVER_FULL = 0.95;

/** Who was at its limit. */
export type Limit = "server" | "generator" | "neither";

/** Who was at its limit in a flow. */
export function limitOf({ serverCpu, loadCpu, seconds }: FlowResult): Limit {
  if (serverCpu / seconds >= SERVER_FULL) return "server";
  return loadCpu / seconds > GENERATOR_FULL ? "generator" : "neither";
}
