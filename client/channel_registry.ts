/**
 * The channels that a device has declared, and whether the gateway knows of them.
 *
 * @module
 */
import type { ChannelDeclaration } from "../protocol/control.ts";
import { MAX_CHANNEL_NUMBER } from "../protocol/limits.ts";
import { topicProblem } from "../protocol/topics.ts";
import type { ChannelOptions, ChannelRecord, WriteHandler } from "./device_channel.ts";
import type { Environment } from "./environment.ts";
import { EventQueue } from "./event_queue.ts";

/** An advertise message stays well below the limit of control messages; a channel with a large schema travels alone. */
const ADVERTISE_CHUNK_BYTES = 65_536;

/** Numbers channels and advertises them: those declared in one turn together, all of them on each connection. */
export class ChannelRegistry {
  #byNumber = new Map<number, ChannelRecord>();
  #byTopic = new Map<string, ChannelRecord>();
  #nextNumber = 1;
  #unsent: ChannelRecord[] = [];
  #attached = false;

  /** `send` advertises; it is called only between `attach` and `detach`. */
  readonly #env: Environment;
  readonly #send: (channels: ChannelDeclaration[]) => void;

  constructor(
    env: Environment,
    send: (channels: ChannelDeclaration[]) => void,
  ) {
    this.#env = env;
    this.#send = send;
  }

  /**
   * Declares a channel.
   *
   * @throws {TypeError} when the topic is not valid or has a channel already.
   */
  add(options: ChannelOptions & { writable?: boolean; onWrite?: WriteHandler }): ChannelRecord {
    const { topic } = options;
    const problem = topicProblem(topic) ??
      (this.#byTopic.has(topic) ? `topic ${JSON.stringify(topic)} has a channel already` : undefined);
    if (problem) throw new TypeError(problem);
    const number = this.#nextNumber++;
    if (number > MAX_CHANNEL_NUMBER) {
      throw new RangeError(`channel number ${number} is above the limit of ${MAX_CHANNEL_NUMBER}`);
    }
    const record: ChannelRecord = {
      number,
      options,
      class: options.class ?? "state",
      status: { state: "pending" },
      sequence: 0,
      newest: undefined,
      queue: new EventQueue(),
    };
    this.#byNumber.set(number, record);
    this.#byTopic.set(topic, record);
    if (this.#unsent.push(record) === 1) this.#env.afterTurn(() => this.#sendUnsent());
    return record;
  }

  /** Withdraws a channel. */
  remove(record: ChannelRecord): void {
    record.status = { state: "closed" };
    record.newest = undefined;
    this.#byNumber.delete(record.number);
    this.#byTopic.delete(record.options.topic);
    this.#unsent = this.#unsent.filter((other) => other !== record);
  }

  get(number: number): ChannelRecord | undefined {
    return this.#byNumber.get(number);
  }

  all(): Iterable<ChannelRecord> {
    return this.#byNumber.values();
  }

  /**
   * A connection is there: advertises every channel. A refused one is asked for again, since rights may have
   * changed.
   */
  attach(): void {
    this.#attached = true;
    for (const record of this.#byNumber.values()) record.status = { state: "pending" };
    this.#unsent = [...this.#byNumber.values()];
    this.#sendUnsent();
  }

  /** The connection is gone. */
  detach(): void {
    this.#attached = false;
    for (const record of this.#byNumber.values()) {
      if (record.status.state === "ready") record.status = { state: "pending" };
    }
  }

  #sendUnsent(): void {
    if (!this.#attached) return;
    let chunk: ChannelDeclaration[] = [];
    let size = 0;
    for (const record of this.#unsent) {
      const declared = declaration(record);
      const length = JSON.stringify(declared).length;
      if (chunk.length > 0 && size + length > ADVERTISE_CHUNK_BYTES) {
        this.#send(chunk);
        chunk = [];
        size = 0;
      }
      chunk.push(declared);
      size += length;
    }
    this.#unsent = [];
    if (chunk.length > 0) this.#send(chunk);
  }
}

function declaration({ number, options, class: deliveryClass }: ChannelRecord): ChannelDeclaration {
  const { topic, encoding = "raw", unit, fields, schema, writable } = options;
  return {
    channel: number,
    topic,
    class: deliveryClass,
    encoding,
    ...(unit === undefined ? {} : { unit }),
    ...(fields === undefined ? {} : { fields }),
    ...(schema === undefined ? {} : { schema }),
    ...(writable === undefined ? {} : { writable }),
  };
}
