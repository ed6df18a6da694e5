/**
 * The settings of Sparkplug: of the gateway as an edge node, as a bridge of the config file has them under
 * `sparkplug`, and of edge nodes of other makers whose host application the gateway is.
 *
 * @module
 */
import { z } from "zod";
import { deviceNameProblem, patternProblem } from "../../protocol/topics.ts";

/** Longest group, node or host id, in characters: each travels with every message. */
const MAX_ID_LENGTH = 128;

/** What is wrong with a group, node or host id, or undefined (Sparkplug 3.0 section 4.1). */
function idProblem(id: string): string | undefined {
  if (id === "") return "a Sparkplug id must not be empty";
  if (id.length > MAX_ID_LENGTH) {
    return `a Sparkplug id of ${id.length} characters is too long: at most ${MAX_ID_LENGTH}`;
  }
  if (/[+/#]/.test(id)) {
    return `the Sparkplug id ${JSON.stringify(id)} holds '+', '/' or '#', which are reserved`;
  }
  // deno-lint-ignore no-control-regex -- they are what must not be there
  if (/[\0-\x1f\x7f]/.test(id) || !id.isWellFormed()) {
    return "a Sparkplug id must not hold control characters";
  }
  return undefined;
}

function checked(problem: (text: string) => string | undefined) {
  return z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

/** What makes a bridge a Sparkplug edge node. */
export const sparkplugSchema = z.strictObject({
  /** Group id: gateways that belong together. */
  group: checked(idProblem),
  /** Edge node id: this gateway within its group. */
  node: checked(idProblem),
  /** Host id of the primary host application: without it online, nothing is sent. */
  primaryHost: checked(idProblem).optional(),
  /** Topics of the gateway that become metrics. */
  filters: z.array(checked(patternProblem)).min(1).default(["#"]),
  /** At most so many messages a second of each device's states; the newest values count. */
  maxHz: z.number().positive().max(1_000).default(10),
});

/** An edge node's settings, checked. */
export type SparkplugConfig = z.output<typeof sparkplugSchema>;

/** An edge node of another maker that publishes to the embedded broker as one of the gateway's devices. */
export const hostedNodeSchema = z.strictObject({
  /** The gateway's device whose token the node comes with, and whose topics its metrics become. */
  device: checked(deviceNameProblem),
  /** Group id and edge node id under which it publishes. */
  group: checked(idProblem),
  node: checked(idProblem),
  /** Metrics that can be written though their birth does not say so: patterns of topics behind the device's name. */
  writable: z.array(checked(patternProblem)).default([]),
});

/** A hosted node's settings, checked. */
export type HostedNodeConfig = z.output<typeof hostedNodeSchema>;

/** What is wrong with a list of hosted nodes, or undefined: a device is one node, and a node one device. */
export function hostedNodesProblem(nodes: readonly HostedNodeConfig[]): string | undefined {
  const names = [nodes.map(({ device }) => device), nodes.map(({ group, node }) => `${group}/${node}`)];
  for (const list of names) {
    const twice = list.find((name, i) => list.indexOf(name) !== i);
    if (twice !== undefined) return `${twice} is there twice: one device is one Sparkplug node`;
  }
  return undefined;
}
