/**
 * What a device has advertised, and what comes and goes under those channels' numbers beside samples: desired values
 * and commands on their way down, their confirmations and results on the way up.
 *
 * @module
 */
import { decodeAck } from "../protocol/ack.ts";
import { BatchWriter } from "../protocol/batch.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import type { ChannelDeclaration, DeviceMessage, ToDevice } from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import {
  MAX_CHANGED_BYTES,
  MAX_CHANGED_BYTES_PER_SECOND,
  MAX_MESSAGE_BYTES,
  MAX_TOPICS_PER_DEVICE,
} from "../protocol/limits.ts";
import { inMessages } from "../protocol/split.ts";
import type { Hub } from "../hub/hub.ts";
import type { Recorder } from "../hub/recording.ts";
import type { SessionRecord } from "../hub/session_log.ts";
import type { Tally } from "../hub/tally.ts";
import type { Topic } from "../hub/topic.ts";
import { type ChannelTable, declarationProblem, describe, type DeviceChannel } from "./channel_table.ts";
import type { Downlink, DownlinkTarget } from "./downlink.ts";
import type { Uplink } from "./uplink.ts";

type Result = Extract<DeviceMessage, { type: "result" }>;
type Accepted = Extract<ToDevice, { type: "advertised" }>["channels"][number];

/** What advertising needs of its session. */
export interface AdvertisingParts {
  device: string;
  /** Sequence space of the device's events. */
  producer: string;
  hub: Hub;
  recorder: Recorder;
  downlink: Downlink;
  uplink: Uplink;
  channels: ChannelTable;
  tally: Tally;
  record: SessionRecord;
  /** Sends a message; one that is refused ends the session. */
  transmit(message: string | Uint8Array): void;
}

/** The advertised channels of one session. */
export class Advertising implements DownlinkTarget {
  readonly #parts: AdvertisingParts;
  /** A topic has one channel at a time. */
  readonly #numbers = new Map<Topic, number>();
  /** Made when something goes down, which to most devices nothing ever does. */
  #writer: BatchWriter | undefined;

  constructor(parts: AdvertisingParts) {
    this.#parts = parts;
  }

  /** Takes declarations in, answers with what was accepted, and hands over what waits for writable channels. */
  advertise(declarations: readonly ChannelDeclaration[]): void {
    const { record, channels, downlink, transmit } = this.#parts;
    const accepted: Accepted[] = [];
    for (const declaration of declarations) {
      const problem = this.#problem(declaration);
      if (problem === undefined) accepted.push(this.#accept(declaration));
      else this.#refuse(declaration, ...problem);
    }
    record.event("advertised", { channels: accepted.length, refused: declarations.length - accepted.length });
    for (const text of inMessages("advertised", "channels", accepted)) transmit(text);
    for (const { channel: number } of accepted) {
      const channel = channels.get(number);
      if (channel?.writable) downlink.attach(channel.topic, this);
    }
  }

  /** Takes channels back. */
  unadvertise(numbers: readonly number[]): void {
    for (const number of numbers) this.#retire(this.#parts.channels.get(number));
  }

  deliver(topic: Topic, offset: number, timeUs: number, payload: Uint8Array): void {
    const number = this.#numbers.get(topic);
    if (number === undefined) return;
    const writer = this.#writer ??= new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES });
    writer.add(number, offset, timeUs, payload);
    this.#parts.transmit(writer.takeBorrowed());
  }

  /**
   * The device has what was sent to it.
   *
   * @throws {ProtocolError} when the frame or a channel is wrong.
   */
  acknowledged(frame: Uint8Array): void {
    const { channels, downlink } = this.#parts;
    for (const { channel: number, sequence } of decodeAck(frame)) {
      const channel = channels.get(number);
      if (!channel) {
        throw new ProtocolError(CLOSE.unknownChannel, `acknowledgement on unknown channel ${number}`);
      }
      if (channel.writable && !channel.event) downlink.confirmed(channel.topic, sequence);
    }
  }

  /**
   * The device's answer to a command.
   *
   * @throws {ProtocolError} when the channel takes no commands.
   */
  result({ channel: number, sequence, ok, message, value }: Result): void {
    const { channels, downlink, tally } = this.#parts;
    const channel = channels.get(number);
    if (!channel?.writable || !channel.event) {
      throw new ProtocolError(CLOSE.unknownChannel, `result on channel ${number}, which takes no commands`);
    }
    const known = downlink.answered(channel.topic, sequence, {
      status: ok ? "done" : "failed",
      ...(message === undefined ? {} : { message }),
      ...(value === undefined ? {} : { value }),
    });
    if (!known) tally.drop("late_result");
  }

  /** The session is over: nothing is delivered to it any more. */
  close(): void {
    const { channels, downlink } = this.#parts;
    for (const channel of channels) if (channel.writable) downlink.detach(channel.topic, this);
  }

  /** Code and words of the error that answers the declaration, or undefined. */
  #problem(declaration: ChannelDeclaration): [code: string, message: string] | undefined {
    const { device, hub } = this.#parts;
    const problem = declarationProblem(device, declaration);
    if (problem !== undefined) return ["bad_channel", problem];
    if (!hub.hasRoomFor(`${device}/${declaration.topic}`)) {
      return [
        "bad_channel",
        `${device} has had ${MAX_TOPICS_PER_DEVICE} topics, the most a device may have; advertise one of those`,
      ];
    }
    if (hub.mayDefine(describe(device, declaration))) return undefined;
    return [
      "too_many_changes",
      `${device} has changed its channels by ${MAX_CHANGED_BYTES} bytes, and ${MAX_CHANGED_BYTES_PER_SECOND} a second since; ` +
      "advertise this one as before, or later",
    ];
  }

  #accept(declaration: ChannelDeclaration): Accepted {
    const { device, producer, hub, recorder, channels, uplink } = this.#parts;
    const topic = hub.define(describe(device, declaration));
    this.#retire(channels.get(declaration.channel));
    this.#retire(channels.get(this.#numbers.get(topic) ?? -1));
    const { writable, deliveryClass } = topic.description;
    const event = deliveryClass === "event";
    const reported = event && !writable;
    const last = reported ? recorder.lastSequence(topic, producer) : 0;
    const channel: DeviceChannel = {
      number: declaration.channel,
      topic,
      event,
      writable,
      lastSequence: reported ? recorder.acceptedSequence(topic, producer) : 0,
      committedSequence: last,
    };
    channels.set(channel);
    this.#numbers.set(topic, channel.number);
    if (!writable) uplink.advertised(channel);
    return { channel: channel.number, topic: topic.name, ...(reported ? { last } : {}) };
  }

  #refuse({ channel }: ChannelDeclaration, code: string, message: string): void {
    this.#parts.tally.drop(code);
    const error: ToDevice = { type: "error", code, message, ref: { channel } };
    this.#parts.transmit(JSON.stringify(error));
  }

  /** A number, or a topic, that is given another meaning gives up its former one. */
  #retire(channel: DeviceChannel | undefined): void {
    if (!channel) return;
    const { channels, downlink } = this.#parts;
    channels.delete(channel.number);
    this.#numbers.delete(channel.topic);
    if (channel.writable) downlink.detach(channel.topic, this);
  }
}
