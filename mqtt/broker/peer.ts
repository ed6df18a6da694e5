/**
 * One client of the embedded broker: who it is, what it subscribed to, and what waits for it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Client } from "aedes";
import { matches } from "../../protocol/topics.ts";
import { mayRead, type Principal } from "../../hub/access.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Traffic } from "../../transport/transport.ts";
import { outgoing } from "../payload.ts";
import type { TopicTree } from "../topics.ts";
import { Backlog } from "./backlog.ts";
import type { BrokerConnection } from "./connection.ts";
import type { MqttDeviceSession, SessionClient } from "./device_session.ts";
import type { KeptClient, KeptSession } from "./kept_session.ts";
import { publishPacket } from "./packets.ts";

/** Bytes of acknowledged messages that may be on their way to one client; more are dropped and counted. */
const MAX_UNDER_WAY_BYTES = 8 * 1024 * 1024;

/** Filters that one client may have: each costs memory, and a look at each new topic. */
export const MAX_FILTERS = 1_024;

interface Subscribed {
  /** Pattern of the hub's topics that the filter covers. */
  pattern: string;
  qos: number;
}

/** A client that has been let in. */
export class MqttPeer implements SessionClient, KeptClient {
  readonly id: string;
  readonly remote: string;
  /** The device session, from the client's first message on. */
  session: MqttDeviceSession | undefined;
  readonly backlog: Backlog;
  /** The session that outlives the connection, where the client asked for one: it brings the events at QoS 1. */
  kept: KeptSession | undefined;
  readonly #filters = new Set<string>();
  readonly #subscriptions = new Map<string, Subscribed>();
  #framesIn = 0;
  #framesOut = 0;
  #underWayBytes = 0;

  constructor(
    readonly client: Client,
    readonly connection: BrokerConnection,
    readonly principal: Principal,
    readonly tree: TopicTree,
    readonly dropped: (reason: string) => void,
  ) {
    this.id = client.id;
    this.remote = connection.remote;
    this.backlog = new Backlog(connection.stream, (sample) => {
      this.#framesOut++;
      return this.#packet(sample);
    });
  }

  traffic(): Traffic {
    return { framesIn: this.#framesIn, framesOut: this.#framesOut, ...this.connection.traffic() };
  }

  /** A message came in. */
  countIn(): void {
    this.#framesIn++;
  }

  /** Subscriptions to topics of the hub. */
  get listens(): boolean {
    return this.#subscriptions.size > 0;
  }

  /** Counts a filter of the client's, whatever it is for; false when there are too many. */
  admit(filter: string): boolean {
    if (this.#filters.size >= MAX_FILTERS && !this.#filters.has(filter)) return false;
    this.#filters.add(filter);
    return true;
  }

  /** Notes a subscription; one outside the gateway's tree concerns nobody here. */
  subscribe(filter: string, qos: number): void {
    const pattern = this.tree.patternOf(filter);
    if (pattern !== undefined) this.#subscriptions.set(filter, { pattern, qos });
  }

  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
    this.#subscriptions.delete(filter);
  }

  /** Quality of service at which the client wants a topic that it may read, or undefined. */
  wants(topic: string): number | undefined {
    let wanted: number | undefined;
    for (const { pattern, qos } of this.#subscriptions.values()) {
      if (matches(pattern, topic)) wanted = Math.max(wanted ?? 0, qos);
    }
    return wanted !== undefined && mayRead(this.principal, topic) ? wanted : undefined;
  }

  /** Sends a state sample; `packet` is the one encoding that all subscribers share. */
  state(sample: BorrowedSample, packet: () => Buffer): void {
    if (this.backlog.state(sample, packet)) this.dropped("conflated");
    else this.#framesOut++;
  }

  newest(sample: BorrowedSample): void {
    this.state(sample, () => this.#packet(sample));
  }

  write(packet: Buffer): void {
    this.#framesOut++;
    this.backlog.write(packet);
  }

  /** Sends an event. Bounded: what a client does not take in time is dropped and counted. */
  event(sample: BorrowedSample, qos: number, packet: () => Buffer): void {
    if (this.kept && qos > 0 && !sample.topic.description.writable) return;
    const size = sample.end - sample.start;
    if (this.#underWayBytes + size > MAX_UNDER_WAY_BYTES || (qos === 0 && this.backlog.behind)) {
      return this.dropped("slow_subscriber");
    }
    this.#framesOut++;
    if (qos === 0) return this.backlog.write(packet());
    this.#underWayBytes += size;
    const message = {
      cmd: "publish" as const,
      topic: this.tree.outward(sample.topic.name),
      payload: outgoing("text", sample),
      qos: qos === 2 ? 2 as const : 1 as const,
      retain: false,
      dup: false,
    };
    this.client.publish(message, () => this.#underWayBytes -= size);
  }

  send(topic: string, payload: Uint8Array): Promise<void> {
    if (this.kept) return this.kept.send(topic, payload);
    this.#framesOut++;
    const message = {
      cmd: "publish" as const,
      topic,
      payload: Buffer.from(payload),
      qos: 1 as const,
      retain: false,
      dup: false,
    };
    return new Promise((sent, failed) =>
      this.client.publish(message, (error) => error ? failed(error) : sent())
    );
  }

  command(topic: string, payload: Uint8Array): boolean {
    if (!this.hears(topic)) return false;
    this.write(publishPacket(topic, payload));
    return true;
  }

  /** Whether a filter of the client's covers a topic. */
  hears(topic: string): boolean {
    return [...this.#filters].some((filter) => matches(filter, topic));
  }

  end(): void {
    this.client.close();
  }

  #packet(sample: BorrowedSample): Buffer {
    return publishPacket(this.tree.outward(sample.topic.name), outgoing("text", sample));
  }
}
