/**
 * What a device sends: samples on their way from a batch to the hub, and the acknowledgements back.
 *
 * @module
 */
import { encodeAck } from "../protocol/ack.ts";
import { BatchReader } from "../protocol/batch.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { MAX_SEQUENCE, MAX_UNACKED_BYTES } from "../protocol/limits.ts";
import type { Clock } from "../hub/clock.ts";
import type { CommitListener, Hub } from "../hub/hub.ts";
import type { BorrowedSample } from "../hub/sample.ts";
import type { Tally } from "../hub/tally.ts";
import type { Topic } from "../hub/topic.ts";
import type { ChannelTable, DeviceChannel } from "./channel_table.ts";
import type { ClockSync } from "./clock_sync.ts";

/** Whose clock stamps a device's samples; see `hello.clock`. */
export type ClockMode = "gateway" | "device" | "arrival";

/** How far ahead of the gateway's clock a sample may be stamped, in microseconds: what an NTP-kept clock stays within. */
const MAX_AHEAD_US = 1_000_000;

/** Leaps over lost events end here: offsets are at most 2^53 - 1, and the events to come need some. */
const MAX_SKIPPED_OFFSET = MAX_SEQUENCE - 2 ** 40;

/** Shared by all sessions: a batch is read to its end before the next one begins. */
const reader = new BatchReader();

/** What the uplink needs of its session. */
export interface UplinkParts {
  hub: Hub;
  clock: Clock;
  channels: ChannelTable;
  tally: Tally;
  clockSync: ClockSync;
  /** Number of the session, carried by its samples. */
  session: number;
  /** Sequence space of its events. */
  producer: string;
  mode: ClockMode;
  /** Sends an acknowledgement frame. */
  sendAck(frame: Uint8Array): void;
}

/** The way up of one device session. */
export class Uplink {
  readonly #parts: UplinkParts;
  #unackedBytes = 0;
  /** Who is told of the commits on each event topic; made with the first, as is the next. */
  #eventTopics: Map<Topic, CommitListener> | undefined;
  #toAck: Set<DeviceChannel> | undefined;

  constructor(parts: UplinkParts) {
    this.#parts = parts;
  }

  /** Bytes of events that are not on disk yet. */
  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  /** Has the commits of an event channel told to it. */
  advertised(channel: DeviceChannel): void {
    if (!channel.event) return;
    const listener: CommitListener = (sample, producer, sequence) => {
      if (producer === this.#parts.producer) this.#committed(channel, sample, sequence);
    };
    (this.#eventTopics ??= new Map()).set(channel.topic, listener);
    this.#parts.hub.onCommit(channel.topic, listener);
  }

  /** The session is over: commits are no longer its concern. */
  close(): void {
    for (const [topic, listener] of this.#eventTopics ?? []) this.#parts.hub.offCommit(topic, listener);
  }

  /**
   * Takes one batch frame, borrowed.
   *
   * @throws {ProtocolError} when the frame or a channel is wrong, a limit is broken, or the recording is full.
   */
  batch(frame: Uint8Array): void {
    const { hub, channels, tally, session } = this.#parts;
    reader.open(frame);
    const nowUs = this.#parts.clock.nowUs();
    while (reader.next()) {
      const channel = channels.get(reader.channel);
      if (!channel || channel.writable) throw this.#wrongChannel(reader.channel, channel);
      const timeUs = this.#time(reader.timeUs, nowUs);
      tally.samplesIn++;
      const sequence = reader.sequence;
      if (channel.event) {
        this.#event(channel, sequence, timeUs);
      } else if (sequence !== 0 && sequence <= channel.lastSequence) {
        tally.drop("old_state");
      } else {
        if (sequence !== 0) channel.lastSequence = sequence;
        hub.publish(channel.topic, timeUs, session, frame, reader.start, reader.end);
      }
    }
  }

  /**
   * Takes one batch frame from the state lane, borrowed.
   *
   * @returns false when a channel in it is not known: its `advertise` is still on its way on the control lane.
   * @throws {ProtocolError} when the frame is wrong, or a channel is not one of state that the device writes.
   */
  state(frame: Uint8Array): boolean {
    const { channels } = this.#parts;
    reader.open(frame);
    while (reader.next()) {
      const channel = channels.get(reader.channel);
      if (!channel) return false;
      if (channel.writable) throw this.#wrongChannel(reader.channel, channel);
      if (channel.event) {
        throw new ProtocolError(
          CLOSE.forbidden,
          `channel ${reader.channel} (${channel.topic.name}) has class event: it goes on the control lane`,
        );
      }
    }
    this.batch(frame);
    return true;
  }

  /** An event is on disk; it may have come over an earlier connection. */
  #committed(channel: DeviceChannel, sample: BorrowedSample, sequence: number): void {
    this.#unackedBytes = Math.max(0, this.#unackedBytes - (sample.end - sample.start));
    if (sequence > channel.committedSequence) channel.committedSequence = sequence;
    this.#acknowledge(channel);
  }

  #event(channel: DeviceChannel, sequence: number, timeUs: number): void {
    const { hub, tally, session, producer } = this.#parts;
    if (sequence <= channel.lastSequence) {
      tally.drop("repeated_event");
      this.#acknowledge(channel);
      return;
    }
    const size = reader.end - reader.start;
    if (this.#unackedBytes + size > MAX_UNACKED_BYTES) {
      throw new ProtocolError(
        CLOSE.limitExceeded,
        `${this.#unackedBytes + size} unacknowledged bytes are above the limit of ${MAX_UNACKED_BYTES}`,
      );
    }
    const lost = sequence - channel.lastSequence - 1;
    if (lost > 0) this.#skip(channel.topic, sequence, lost);
    const offset = hub.publishEvent(
      channel.topic,
      timeUs,
      session,
      reader.bytes,
      reader.start,
      reader.end,
      producer,
      sequence,
    );
    if (offset === 0) {
      hub.skip(channel.topic, -lost);
      throw new ProtocolError(
        CLOSE.overloaded,
        "the recording cannot take more events now; send them again later",
      );
    }
    if (lost > 0) tally.drop("lost_by_device", lost);
    channel.lastSequence = sequence;
    this.#unackedBytes += size;
  }

  /** Leaves out the offsets of events that the device has lost. */
  #skip(topic: Topic, sequence: number, lost: number): void {
    if (topic.lastOffset + lost > MAX_SKIPPED_OFFSET) {
      throw new ProtocolError(
        CLOSE.limitExceeded,
        `sequence ${sequence} on ${topic.name} leaps over ${lost} events, and offsets end at ${MAX_SEQUENCE}; count from 1, one by one`,
      );
    }
    this.#parts.hub.skip(topic, lost);
  }

  #time(stampedUs: number, nowUs: number): number {
    if (stampedUs === 0 || this.#parts.mode === "arrival") return nowUs;
    const timeUs = this.#parts.mode === "device"
      ? this.#parts.clockSync.toGateway(stampedUs, nowUs)
      : stampedUs;
    // Not 0: a batch that begins with that time has none for any of its samples.
    if (timeUs <= nowUs + MAX_AHEAD_US) return Math.max(1, timeUs);
    this.#parts.tally.drop("time_ahead_corrected");
    return nowUs;
  }

  /** One frame acknowledges all that a commit covered. */
  #acknowledge(channel: DeviceChannel): void {
    const toAck = this.#toAck ??= new Set();
    const underWay = toAck.size > 0;
    toAck.add(channel);
    if (underWay) return;
    queueMicrotask(() => {
      const { channels, sendAck } = this.#parts;
      const acks = [...toAck]
        .filter((one) => channels.get(one.number) === one) // the number may stand for another topic by now
        .map((one) => ({ channel: one.number, sequence: one.committedSequence }));
      toAck.clear();
      if (acks.length > 0) sendAck(encodeAck(acks));
    });
  }

  #wrongChannel(number: number, channel: DeviceChannel | undefined): ProtocolError {
    return channel
      ? new ProtocolError(
        CLOSE.forbidden,
        `channel ${number} (${channel.topic.name}) is written by others, not by the device`,
      )
      : new ProtocolError(CLOSE.unknownChannel, `channel ${number} was not advertised`);
  }
}
