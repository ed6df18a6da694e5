/**
 * The hub's samples on their way to the broker's subscribers. Listens to the hub only while somebody subscribes,
 * looks up who wants a topic once until subscriptions change, and encodes each sample once.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Hub, PatternListener } from "../../hub/hub.ts";
import { PatternSet } from "../../hub/pattern.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";
import { outgoing } from "../payload.ts";
import type { TopicTree } from "../topics.ts";
import { publishPacket } from "./packets.ts";
import type { MqttPeer } from "./peer.ts";

interface Wanting {
  peer: MqttPeer;
  qos: number;
}

const NOBODY: readonly Wanting[] = [];

/** All subscribers of the embedded broker. */
export class FanOut implements PatternListener {
  readonly patterns = new PatternSet(["#"]);
  readonly #peers = new Set<MqttPeer>();
  #wanting = new Map<Topic, readonly Wanting[]>();
  #listening = false;

  constructor(readonly hub: Hub, readonly tree: TopicTree) {}

  /** A client's subscriptions changed. */
  changed(peer: MqttPeer): void {
    if (peer.listens) this.#peers.add(peer);
    else this.#peers.delete(peer);
    this.#update();
  }

  /** A client is gone. */
  left(peer: MqttPeer): void {
    if (this.#peers.delete(peer)) this.#update();
  }

  stop(): void {
    if (this.#listening) this.hub.unlisten(this);
    this.#listening = false;
  }

  sample(sample: BorrowedSample): void {
    const wanting = this.#wanting.get(sample.topic) ?? this.#find(sample.topic);
    if (wanting.length === 0) return;
    let packet: Buffer | undefined;
    const encoded = () =>
      packet ??= publishPacket(this.tree.outward(sample.topic.name), outgoing("text", sample));
    const event = sample.topic.description.deliveryClass === "event";
    for (const { peer, qos } of wanting) {
      if (event) peer.event(sample, qos, encoded);
      else peer.state(sample, encoded);
    }
  }

  defined(): void {}

  missing(): void {}

  #update(): void {
    this.#wanting = new Map();
    const listen = this.#peers.size > 0;
    if (listen === this.#listening) return;
    this.#listening = listen;
    if (listen) this.hub.listen(this);
    else this.hub.unlisten(this);
  }

  #find(topic: Topic): readonly Wanting[] {
    const found: Wanting[] = [];
    for (const peer of this.#peers) {
      const qos = peer.wants(topic.name);
      if (qos !== undefined) found.push({ peer, qos });
    }
    const wanting = found.length > 0 ? found : NOBODY;
    this.#wanting.set(topic, wanting);
    return wanting;
  }
}
