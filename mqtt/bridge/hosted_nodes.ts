/**
 * Sparkplug edge nodes on an outside broker whose host application the gateway is: they publish there, and their
 * metrics are topics here.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import type { Topic } from "../../hub/topic.ts";
import { definitionRefusal } from "../definitions.ts";
import type { HostedNodeConfig } from "../sparkplug/config.ts";
import { nodeMessage } from "../sparkplug/hosted/names.ts";
import { HostedNode } from "../sparkplug/hosted/node.ts";
import type { BridgeContext } from "./context.ts";

/** What the nodes of one bridge need. */
export interface HostedNodesParts {
  context: BridgeContext;
  bridge: string;
  nodes: readonly HostedNodeConfig[];
  /** Publishes at QoS 0; false while the broker is away. */
  send(topic: string, payload: Uint8Array): boolean;
  dropped(reason: string, detail: string): void;
}

/** The nodes of one bridge. */
export class HostedNodes {
  readonly #parts: HostedNodesParts;
  /** By the gateway's device that each of them is. */
  readonly #nodes: ReadonlyMap<string, { config: HostedNodeConfig; node: HostedNode }>;

  constructor(parts: HostedNodesParts) {
    this.#parts = parts;
    this.#nodes = new Map(
      parts.nodes.map((config) => [config.device, { config, node: this.#node(config) }]),
    );
  }

  /** What to subscribe to: all that the nodes say. */
  filters(): string[] {
    return this.#parts.nodes.map(({ group, node }) => `spBv1.0/${group}/+/${node}/#`);
  }

  /** Takes a message; true when it was one of a node's topics. */
  message(topic: string, payload: Buffer): boolean {
    const [namespace, group, , name] = topic.split("/");
    if (namespace !== "spBv1.0") return false;
    const found = [...this.#nodes.values()].find(({ config }) =>
      config.group === group && config.node === name
    );
    if (!found) return false;
    // What hosts write to it comes in too.
    const message = nodeMessage(found.config, topic);
    if (payload.length > MAX_MESSAGE_BYTES) {
      const size = `${payload.length} bytes on ${topic}, the limit is ${MAX_MESSAGE_BYTES}`;
      this.#parts.dropped("too_large", size);
    } else if (message) found.node.take(message, payload);
    return true;
  }

  /** The broker is there: births are not kept by brokers, so that each node has to tell what it is. */
  online(): void {
    for (const { node } of this.#nodes.values()) node.connected();
  }

  /** The broker is away, and with it all word of the nodes. */
  offline(): void {
    for (const { node } of this.#nodes.values()) node.end();
  }

  /** Takes a command for a node. */
  deliver(topic: Topic, offset: number, _timeUs: number, payload: Uint8Array): void {
    const device = topic.name.slice(0, topic.name.indexOf("/"));
    this.#nodes.get(device)?.node.command(topic, offset, payload);
  }

  #node(config: HostedNodeConfig): HostedNode {
    const { context, send, dropped } = this.#parts;
    const { hub, clock, downlinks, presence, eventTopics } = context;
    return new HostedNode({
      config,
      eventTopics,
      define: (description) => {
        const refusal = definitionRefusal(hub, description);
        if (!refusal) return hub.define(description);
        dropped(refusal.reason, refusal.message);
        return undefined;
      },
      publish: (topic, timeUs, payload) => this.#publish(topic, timeUs, payload),
      commanded: (topic, on) => on ? downlinks.attach(topic, this) : downlinks.detach(topic, this),
      answered: (topic, offset, result) => downlinks.answered(topic, offset, result),
      send,
      present: (online, reason) =>
        presence.publish(config.device, online ? { online, transport: "mqtt" } : { online, reason }),
      dropped,
      nowUs: () => clock.nowUs(),
    });
  }

  #publish(topic: Topic, timeUs: number, payload: Uint8Array): void {
    const { context, bridge, dropped } = this.#parts;
    const { hub, recorder } = context;
    if (topic.description.deliveryClass === "state") return void hub.publish(topic, timeUs, 0, payload);
    const producer = `bridge ${bridge} sparkplug`;
    const sequence = recorder.acceptedSequence(topic, producer) + 1;
    const offset = hub.publishEvent(topic, timeUs, 0, payload, 0, payload.length, producer, sequence);
    if (offset === 0) dropped("overloaded", `the recording cannot take events of ${topic.name} now`);
  }
}
