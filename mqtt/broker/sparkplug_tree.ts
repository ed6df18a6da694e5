/**
 * Sparkplug's topics on the embedded broker, where the gateway is an edge node there: what it and its hosts say to
 * each other goes from client to client as it is, beside the hub.
 *
 * @module
 */
import type { PublishPacket } from "aedes";
import { Buffer } from "node:buffer";
import type { Principal } from "../../hub/access.ts";
import { matches } from "../../protocol/topics.ts";

/** First levels of everything (Sparkplug 3.0 section 4.1). */
const PREFIX = "spBv1.0/";

/** … and of what hosts say of themselves, the only messages that are retained (section 4.3). */
const STATE = `${PREFIX}STATE/`;

/** Hosts whose state is kept. */
const MAX_HOSTS = 64;

/** Largest state that is kept, in bytes: it is a small JSON object. */
const MAX_STATE_BYTES = 1_024;

/** Who may publish and read there, and what is retained. */
export class SparkplugTree {
  readonly #states = new Map<string, Buffer>();

  /** Whether a topic or a filter lies there. */
  covers(topic: string): boolean {
    return topic.startsWith(PREFIX);
  }

  /** Whether the client's message goes from client to client: hosts write to every device, so they may write everything. */
  carries(principal: Principal, topic: string): boolean {
    return this.covers(topic) && (principal.role === "operator" || principal.write.includes("#"));
  }

  /** Whether the client gets what is sent there: values of all devices. */
  mayRead(principal: Principal): boolean {
    return principal.role === "operator" || principal.read.includes("#");
  }

  /** Keeps a host's state; takes the wish to be retained off the message, which the library would grant without limit. */
  pass(packet: PublishPacket): void {
    const { topic, payload, retain } = packet;
    packet.retain = false;
    if (!retain || !topic.startsWith(STATE)) return;
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
}
