/**
 * An edge node of another maker: MQTT.js and payloads by the encoder in Python.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connectAsync, type MqttClient } from "mqtt";
import { DEADLINE_MS } from "../../support/peer.ts";
import { decoded, encoded, type PayloadToEncode } from "./codec.ts";
import type { Caught } from "./host.ts";

/** Who the node is. */
export interface ForeignLogin {
  port: number;
  username?: string;
  password?: string;
  /** `group/node`. */
  id: string;
  /** Count of its connections, which its will carries. */
  bdSeq: number;
}

/** A connected edge node. */
export class ForeignNode {
  readonly #received: { topic: string; payload: Uint8Array }[] = [];
  #changed = Promise.withResolvers<void>();

  private constructor(readonly client: MqttClient, readonly login: ForeignLogin) {
    client.on("message", (topic, payload) => {
      this.#received.push({ topic, payload: new Uint8Array(payload) });
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    });
  }

  /** Connects, and listens to commands and to hosts. */
  static async connect(login: ForeignLogin): Promise<ForeignNode> {
    const { port, username, password, bdSeq } = login;
    const user = username === undefined || password === undefined ? {} : { username, password };
    const [death] = await encoded({ metrics: [{ name: "bdSeq", datatype: 4, long_value: bdSeq }] });
    const client = await connectAsync({
      protocol: "mqtt",
      host: "127.0.0.1",
      port,
      ...user,
      protocolVersion: 4,
      reconnectPeriod: 0,
      will: { topic: topicOf(login, "NDEATH"), payload: Buffer.from(death!), qos: 1, retain: false },
    });
    const node = new ForeignNode(client, login);
    const granted = await client.subscribeAsync(
      [topicOf(login, "NCMD"), topicOf(login, "DCMD", "#"), "spBv1.0/STATE/#"],
      { qos: 1 },
    );
    if (granted.some(({ qos }) => qos > 2)) {
      throw new Error(`not all subscriptions were granted: ${JSON.stringify(granted)}`);
    }
    return node;
  }

  /** Publishes messages, all encoded at once. */
  async publish(...messages: { verb: string; device?: string; payload: PayloadToEncode }[]): Promise<void> {
    const payloads = await encoded(...messages.map(({ payload }) => payload));
    for (const [i, { verb, device }] of messages.entries()) {
      await this.client.publishAsync(topicOf(this.login, verb, device), Buffer.from(payloads[i]!), {
        qos: 0,
      });
    }
  }

  /** Waits for a message on a topic; the text of a host's state is its `problem`, since it is no payload. */
  async until(topic: string, text?: string): Promise<Caught> {
    const late = AbortSignal.timeout(DEADLINE_MS);
    late.addEventListener("abort", () => this.#changed.resolve());
    for (;;) {
      const at = this.#received.findIndex((one) =>
        one.topic === topic && (text === undefined || new TextDecoder().decode(one.payload).includes(text))
      );
      const [found] = at < 0 ? [] : this.#received.splice(at, 1);
      if (found) return await decoded(topic, found.payload);
      if (late.aborted) throw new Error(`the node got nothing on ${topic}`);
      await this.#changed.promise;
    }
  }

  /** Its connection breaks: the broker sends its will. */
  cut(): void {
    this.client.stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync(true);
  }
}

function topicOf({ id }: ForeignLogin, verb: string, device?: string): string {
  const [group, node] = id.split("/");
  return `spBv1.0/${group}/${verb}/${node}${device === undefined ? "" : `/${device}`}`;
}
