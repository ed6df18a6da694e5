/**
 * A topic: who may write it, how its payloads are encoded, its newest value and its place in the count.
 *
 * @module
 */
import type { ChannelAnnouncement, DeliveryClass, Encoding, StructField } from "../protocol/control.ts";
import { copyBytes } from "../protocol/copy.ts";
import type { BorrowedSample, SampleListener } from "./sample.ts";

/** What is fixed, or changes only when the device advertises anew. */
export interface TopicDescription {
  name: string;
  deliveryClass: DeliveryClass;
  encoding: Encoding;
  unit?: string;
  fields?: StructField[];
  schema?: unknown;
  /** Whether dashboards may write it and the device receives it. */
  writable: boolean;
}

/** Newest sample of a topic; the bytes are the hub's own copy. */
export interface NewestValue {
  offset: number;
  timeUs: number;
  /** Session that wrote it; 0 when it came from the recording of an earlier run. */
  session: number;
  /** Copy of the payload, in a buffer that is used again: `bytes[0, length)`. */
  bytes: Uint8Array;
  length: number;
}

/** A topic of the hub. `id` is the channel number that every dashboard and the recording use for it. */
export class Topic {
  /** Offset of the last sample given out, within `epoch`; 0 before the first. */
  lastOffset = 0;
  /** Offset of the last sample that listeners were told of; behind `lastOffset` while events wait for their commit. */
  deliveredOffset = 0;
  newest: NewestValue | undefined;
  /** Who is told of each sample, kept up to date by the hub so that publishing never searches. */
  listeners: SampleListener[] = [];

  constructor(
    readonly id: number,
    public description: TopicDescription,
    /** Epoch that the offsets count in; carries the gateway: `<gateway>.<start number>`. */
    public epoch: string,
  ) {}

  get name(): string {
    return this.description.name;
  }

  /** Keeps a copy of the sample as the newest value, in the same buffer where it fits. */
  remember(sample: BorrowedSample): NewestValue {
    const length = sample.end - sample.start;
    let newest = this.newest;
    if (!newest || newest.bytes.length < length) {
      newest = { offset: 0, timeUs: 0, session: 0, bytes: new Uint8Array(Math.max(16, length)), length: 0 };
      this.newest = newest;
    }
    newest.offset = sample.offset;
    newest.timeUs = sample.timeUs;
    newest.session = sample.session;
    newest.length = length;
    copyBytes(newest.bytes, 0, sample.bytes, sample.start, sample.end);
    return newest;
  }

  /** The topic as `channels` announces it. */
  announcement(): ChannelAnnouncement {
    const { name, deliveryClass, encoding, unit, fields, schema, writable } = this.description;
    return {
      channel: this.id,
      topic: name,
      class: deliveryClass,
      encoding,
      ...(unit === undefined ? {} : { unit }),
      ...(fields === undefined ? {} : { fields }),
      ...(schema === undefined ? {} : { schema }),
      writable,
      epoch: this.epoch,
    };
  }
}
