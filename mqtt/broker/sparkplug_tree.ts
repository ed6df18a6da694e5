/**
 * Sparkplug's topics on the embedded broker, where the gateway is an edge node there, or the host application of
 * edge nodes: what hosts say, and what the gateway says as an edge node, goes from client to client as it is, beside
 * the hub.
 *
 * @module
 */
import type { PublishPacket } from "aedes";
import { Buffer } from "node:buffer";
import type { Principal } from "../../hub/access.ts";
import type { Clock } from "../../hub/clock.ts";
import { matches } from "../../protocol/topics.ts";
import type { HostedNodeConfig } from "../sparkplug/config.ts";
import { hostStateTopic, isForNode } from "../sparkplug/hosted/names.ts";

/** First levels of everything (Sparkplug 3.0 section 4.1). */
export const SPARKPLUG_PREFIX = "spBv1.0/";

/** … and of what hosts say of themselves, the only messages that are retained (section 4.3). */
const STATE = `${SPARKPLUG_PREFIX}STATE/`;

/** Hosts whose state is kept. */
const MAX_HOSTS = 64;

/** Largest state that is kept, in bytes: it is a small JSON object. */
const MAX_STATE_BYTES = 1_024;

/** A client that may have subscribed to what hosts say. */
interface Listener {
  readonly principal: Principal;
  hears(topic: string): boolean;
  send(topic: string, payload: Uint8Array): Promise<void>;
}

/** Who may publish and read there, and what is retained. */
export class SparkplugTree {
  readonly #states = new Map<string, Buffer>();
  readonly #hosted: ReadonlyMap<string, HostedNodeConfig>;
  /** Where the gateway says that it is there as a host application. */
  readonly #ownState: string | undefined;

  /**
   * @param hosted Devices that are edge nodes of the gateway's.
   * @param hostId The gateway as a host application, where there are any.
   */
  constructor(hosted: ReadonlyMap<string, HostedNodeConfig>, hostId: string, readonly clock: Clock) {
    this.#hosted = hosted;
    if (hosted.size === 0) return;
    this.#ownState = hostStateTopic(hostId);
    this.#states.set(this.#ownState, this.#hostState(true));
  }

  /** Whether a topic or a filter lies there. */
  covers(topic: string): boolean {
    return topic.startsWith(SPARKPLUG_PREFIX);
  }

  /** Whether the client's message goes from client to client: hosts write to every device, so they may write everything. */
  carries(principal: Principal, topic: string): boolean {
    return this.covers(topic) && (principal.role === "operator" || principal.write.includes("#"));
  }

  /** Whether the client gets what is sent there, values of all devices; an edge node gets what is for it. */
  mayRead({ role, read, device }: Principal, topic: string): boolean {
    if (role === "operator" || read.includes("#")) return true;
    const node = device === undefined ? undefined : this.#hosted.get(device);
    return node !== undefined && isForNode(node, topic);
  }

  /** Says, as a host application, that the gateway goes. */
  async farewell(peers: readonly Listener[]): Promise<void> {
    const topic = this.#ownState;
    if (topic === undefined) return;
    const payload = this.#hostState(false);
    const listeners = peers.filter((peer) => this.mayRead(peer.principal, topic) && peer.hears(topic));
    await Promise.allSettled(listeners.map((peer) => peer.send(topic, payload)));
  }

  /** Keeps a host's state; takes the wish to be retained off the message, which the library would grant without limit. */
  pass(packet: PublishPacket): void {
    const { topic, payload, retain } = packet;
    packet.retain = false;
    if (!retain || !topic.startsWith(STATE) || topic === this.#ownState) return;
    if (payload.length === 0) this.#states.delete(topic);
    else if (
      payload.length <= MAX_STATE_BYTES && (this.#states.has(topic) || this.#states.size < MAX_HOSTS)
    ) {
      this.#states.set(topic, Buffer.from(payload));
    }
  }

  /** The states that filters cover, as retained messages. */
  *retained(filters: readonly string[]): Generator<object> {
    for (const [topic, payload] of this.#states) {
      if (!filters.some((filter) => matches(filter, topic))) continue;
      yield { cmd: "publish", topic, payload, qos: 1, retain: true };
    }
  }

  #hostState(online: boolean): Buffer {
    const timestamp = Math.floor(this.clock.nowUs() / 1_000);
    return Buffer.from(JSON.stringify({ online, timestamp }));
  }
}
