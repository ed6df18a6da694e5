/**
 * The channels that a device has advertised: its numbers and the topics they stand for.
 *
 * @module
 */
import { CLOSE } from "../protocol/close_codes.ts";
import type { ChannelDeclaration } from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { fieldsProblem } from "../protocol/fields.ts";
import { MAX_CHANNELS } from "../protocol/limits.ts";
import { topicProblem } from "../protocol/topics.ts";
import type { Topic, TopicDescription } from "../hub/topic.ts";

/** One advertised channel. */
export interface DeviceChannel {
  readonly number: number;
  readonly topic: Topic;
  readonly event: boolean;
  readonly writable: boolean;
  /** Last sequence number taken from the device; for events every one up to it is at least on its way to disk. */
  lastSequence: number;
  /** Last sequence number on disk, for events. */
  committedSequence: number;
}

/** Numbers below this are found by index, which is faster than a map. */
const INDEXED = 256;

/** The channels of one session. */
export class ChannelTable {
  /** As long as the highest number needs: most devices have a few low ones, and an idle one pays for each place. */
  #indexed: (DeviceChannel | undefined)[] = [];
  #others: Map<number, DeviceChannel> | undefined;
  #count = 0;

  /** The channel with this number, if it was advertised. */
  get(number: number): DeviceChannel | undefined {
    return number < INDEXED ? this.#indexed[number] : this.#others?.get(number);
  }

  /**
   * Adds a channel, in place of one with the same number.
   *
   * @throws {ProtocolError} with `limit_exceeded` when there are too many.
   */
  set(channel: DeviceChannel): void {
    if (!this.get(channel.number) && ++this.#count > MAX_CHANNELS) {
      throw new ProtocolError(
        CLOSE.limitExceeded,
        `${this.#count} channels are above the limit of ${MAX_CHANNELS}`,
      );
    }
    if (channel.number < INDEXED) this.#indexed[channel.number] = channel;
    else (this.#others ??= new Map()).set(channel.number, channel);
  }

  /** Takes a channel away; its topic stays. */
  delete(number: number): boolean {
    if (!this.get(number)) return false;
    if (number < INDEXED) this.#indexed[number] = undefined;
    else this.#others?.delete(number);
    this.#count--;
    return true;
  }

  /** All channels. */
  *[Symbol.iterator](): Generator<DeviceChannel> {
    for (const channel of this.#indexed) if (channel) yield channel;
    if (this.#others) yield* this.#others.values();
  }
}

/** What is wrong with a declaration, in words, or undefined. */
export function declarationProblem(device: string, declaration: ChannelDeclaration): string | undefined {
  const problem = topicProblem(`${device}/${declaration.topic}`);
  if (problem) return problem;
  if (declaration.topic.split("/").some((level) => level.startsWith("$"))) {
    return `topic ${JSON.stringify(declaration.topic)}: levels that start with '$' are the gateway's own`;
  }
  const fields = declaration.encoding === "struct" ? fieldsProblem(declaration.fields) : undefined;
  return fields && `channel ${declaration.channel}: ${fields}`;
}

/** A declaration as the hub's description of the topic. */
export function describe(device: string, declaration: ChannelDeclaration): TopicDescription {
  const { unit, fields, schema } = declaration;
  return {
    name: `${device}/${declaration.topic}`,
    deliveryClass: declaration.class ?? "state",
    encoding: declaration.encoding ?? "raw",
    ...(unit === undefined ? {} : { unit }),
    ...(fields === undefined ? {} : { fields }),
    ...(schema === undefined ? {} : { schema }),
    writable: declaration.writable ?? false,
  };
}
