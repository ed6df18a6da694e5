/**
 * The gateway's topics as others see them on MQTT: one tree, `tidegate/<gateway>/<device>/<channel>`, so that
 * several gateways can share a broker and none of their topics collides with what is there already.
 *
 * @module
 */
import { deviceNameProblem, topicProblem } from "../protocol/topics.ts";

/** First level of everything that a gateway publishes. */
export const ROOT = "tidegate";

/** Last level of a topic on which others write a desired value. */
export const SET_LEVEL = "set";

/** Last level of a topic on which others send a command. */
export const COMMAND_LEVEL = "cmd";

/** What a message that came in on MQTT is meant for. */
export type Inbound =
  /** Topic of this gateway's. */
  | { kind: "topic"; name: string }
  /** A value or a command for the device behind the topic. */
  | { kind: "write"; name: string; level: typeof SET_LEVEL | typeof COMMAND_LEVEL }
  /** Not a topic of this gateway's; `problem` says why, where it looks like one. */
  | { kind: "foreign"; problem?: string };

/** One gateway's tree. */
export class TopicTree {
  /** `tidegate/<gateway>/` */
  readonly prefix: string;

  /** @param gateway Level that stands for this gateway. */
  constructor(readonly gateway: string) {
    this.prefix = `${ROOT}/${gateway}/`;
  }

  /** The gateway's own availability: `online` or `offline`, retained. */
  get statusTopic(): string {
    return `${this.prefix}$status`;
  }

  /** A topic of the hub as MQTT sees it. */
  outward(name: string): string {
    return this.prefix + name;
  }

  /** A topic from MQTT as the hub names it. */
  inward(topic: string): Inbound {
    if (!topic.startsWith(this.prefix)) return { kind: "foreign" };
    const name = topic.slice(this.prefix.length);
    const problem = topicProblem(name);
    if (problem) return { kind: "foreign", problem };
    const cut = name.lastIndexOf("/");
    const last = name.slice(cut + 1);
    const level = last === SET_LEVEL ? SET_LEVEL : last === COMMAND_LEVEL ? COMMAND_LEVEL : undefined;
    if (level === undefined || name.indexOf("/") === cut) return { kind: "topic", name };
    return { kind: "write", name: name.slice(0, cut), level };
  }

  /**
   * Patterns of the hub's topics that a filter from MQTT covers, or undefined when it covers none of them.
   *
   * @example
   * ```ts
   * new TopicTree("gw").patternOf("tidegate/#"); // "#"
   * new TopicTree("gw").patternOf("tidegate/+/pump/#"); // "pump/#"
   * new TopicTree("gw").patternOf("zigbee2mqtt/#"); // undefined
   * ```
   */
  patternOf(filter: string): string | undefined {
    const levels = filter.split("/");
    for (const own of [ROOT, this.gateway]) {
      const level = levels.shift();
      if (level === "#") return "#";
      if (level !== own && level !== "+") return undefined;
    }
    return levels.length === 0 ? undefined : levels.join("/");
  }
}

/** Whether a topic is one on which others write: sent out, it would come back as a write. */
export function isWriteTopic(name: string): boolean {
  return name.endsWith(`/${SET_LEVEL}`) || name.endsWith(`/${COMMAND_LEVEL}`);
}

/** What is wrong with a name for the gateway's level, or undefined: it obeys the rules of device names. */
export function gatewayLevelProblem(name: string): string | undefined {
  return deviceNameProblem(name)?.replace("device name", "gateway name on MQTT");
}

/**
 * The hub's topic for what a device publishes: its own tree, `<device>/…`, the gateway's tree of it, and any
 * other topic as a channel of that name, so that devices that were made for another broker fit in as they are.
 *
 * @returns a topic of this device, or what is wrong with it.
 */
export function deviceTopic(
  tree: TopicTree,
  device: string,
  topic: string,
): { name: string } | { problem: string } {
  const own = topic.startsWith(tree.prefix) ? topic.slice(tree.prefix.length) : topic;
  const name = own.startsWith(`${device}/`) ? own : `${device}/${own.replace(/^\/+/, "")}`;
  if (own !== topic && !own.startsWith(`${device}/`)) {
    return { problem: `${topic} belongs to another device than ${device}` };
  }
  const problem = topicProblem(name);
  if (problem) return { problem };
  if (name.split("/").some((level) => level.startsWith("$"))) {
    return { problem: `${topic}: levels that start with '$' are the gateway's own` };
  }
  return { name };
}
