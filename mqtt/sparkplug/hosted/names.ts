/**
 * Names of a hosted edge node: its topics on the broker (Sparkplug 3.0 section 4), and the gateway's topics of its
 * metrics.
 *
 * @module
 */
import { topicProblem } from "../../../protocol/topics.ts";
import type { HostedNodeConfig } from "../config.ts";

/** What a node publishes. */
const VERBS = ["NBIRTH", "NDEATH", "NDATA", "DBIRTH", "DDEATH", "DDATA"] as const;

/** A kind of message from a node. */
export type Verb = typeof VERBS[number];

/** What a message of the node's is. */
export type NodeMessage = { verb: Verb; device: string | undefined };

/** The host application that the gateway is, on the embedded broker. */
export function hostStateTopic(hostId: string): string {
  return `spBv1.0/STATE/${hostId}`;
}

/** What a topic says of a message, or undefined where it is none that this node may publish. */
export function nodeMessage({ group, node }: HostedNodeConfig, topic: string): NodeMessage | undefined {
  const [namespace, ownGroup, verb, ownNode, device, ...more] = topic.split("/");
  if (namespace !== "spBv1.0" || ownGroup !== group || ownNode !== node || more.length > 0) return undefined;
  const known = VERBS.find((one) => one === verb);
  const ofDevice = known?.startsWith("D") === true;
  return known === undefined || ofDevice === !device ? undefined : { verb: known, device };
}

/** Where the gateway writes metrics of the node, or of a device of it. */
export function commandTopic({ group, node }: HostedNodeConfig, device?: string): string {
  return device === undefined ? `spBv1.0/${group}/NCMD/${node}` : `spBv1.0/${group}/DCMD/${node}/${device}`;
}

/** Whether a node may have what a topic or a filter stands for: its own commands, and what hosts say of themselves. */
export function isForNode({ group, node }: HostedNodeConfig, topic: string): boolean {
  return topic.startsWith("spBv1.0/STATE/") ||
    ["NCMD", "DCMD"].some((verb) => `${topic}/`.startsWith(`spBv1.0/${group}/${verb}/${node}/`));
}

/** Names of topics that one node's metrics have. No two metrics have the same one. */
export class TopicNames {
  /** Which metric has a name. */
  readonly #owners = new Map<string, string>();
  readonly #names = new Map<string, string>();

  /**
   * @param root The gateway's device that the node is.
   * @param most Names that are given out at most.
   */
  constructor(readonly root: string, readonly most: number) {}

  /** Levels in front of the metrics of a device, or of the node itself. */
  prefix(device: string | undefined): string {
    return device === undefined ? `${this.root}/` : `${this.root}/${level(device)}/`;
  }

  /** The name for a metric, the same at each birth, or what is wrong. */
  of(device: string | undefined, metric: string): string | { problem: string } {
    const key = JSON.stringify([device, metric]);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    if (this.#names.size >= this.most) return { problem: `${metric} is one metric more than ${this.most}` };
    const wanted = this.prefix(device) + levels(metric);
    let name = wanted;
    for (let n = 2; this.#owners.has(name); n++) name = `${wanted}:${n}`;
    const problem = topicProblem(name);
    if (problem) return { problem };
    this.#owners.set(name, key);
    this.#names.set(key, name);
    return name;
  }
}

/** Last levels that say on MQTT that a topic is written. */
const WRITTEN = /(^|\/)(set|cmd)$/;

function levels(metric: string): string {
  return metric.split("/").map(level).join("/").replace(WRITTEN, "$1$2_");
}

/** One level, without what a topic must not hold; levels that start with '$' are the gateway's own. */
function level(text: string): string {
  // deno-lint-ignore no-control-regex -- they are what is replaced
  const plain = text.toWellFormed().replace(/[+#/\0-\x1f\x7f]|^\$/g, "_");
  return plain === "" ? "_" : plain;
}
