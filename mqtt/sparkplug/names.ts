/**
 * Topics of an edge node on the broker (Sparkplug 3.0 section 4).
 *
 * @module
 */

/** First level of every topic. */
const NAMESPACE = "spBv1.0";

/** What a message that came in is. */
export type InboundSparkplug =
  | { kind: "node_command" }
  | { kind: "device_command"; device: string }
  | { kind: "host_state" }
  | { kind: "foreign" };

/** The names of one edge node. */
export class NodeNames {
  readonly #group: string;
  readonly #node: string;

  constructor({ group, node, primaryHost }: {
    group: string;
    node: string;
    primaryHost?: string | undefined;
  }) {
    this.#group = group;
    this.#node = node;
    this.hostState = primaryHost === undefined ? undefined : `${NAMESPACE}/STATE/${primaryHost}`;
  }

  /** Where the primary host application says whether it is there; absent without one. */
  readonly hostState: string | undefined;

  /** A topic of the node itself. */
  node(verb: "NBIRTH" | "NDATA" | "NDEATH" | "NCMD"): string {
    return `${NAMESPACE}/${this.#group}/${verb}/${this.#node}`;
  }

  /** A topic of a device. */
  device(verb: "DBIRTH" | "DDATA" | "DDEATH" | "DCMD", device: string): string {
    return `${NAMESPACE}/${this.#group}/${verb}/${this.#node}/${device}`;
  }

  /** What a message on `topic` is. */
  inbound(topic: string): InboundSparkplug {
    if (topic === this.hostState) return { kind: "host_state" };
    if (topic === this.node("NCMD")) return { kind: "node_command" };
    const prefix = this.device("DCMD", "");
    return topic.startsWith(prefix)
      ? { kind: "device_command", device: topic.slice(prefix.length) }
      : { kind: "foreign" };
  }
}
