/**
 * The channels of a device, as the program sees them.
 *
 * @module
 */
import type { DeliveryClass, Encoding, StructField } from "../protocol/control.ts";
import type { EventQueue } from "./event_queue.ts";
import type { Value } from "./value.ts";

/** What is written to a writable channel. */
export interface WriteInfo {
  /** The payload as it came. It may be kept. */
  payload: Uint8Array;
  /** Number of the write: increases within a channel. */
  sequence: number;
  /** When it was written, gateway time in microseconds. */
  timeUs: number;
}

/**
 * Takes what others write. On a `state` channel it is the desired value, told again after a reconnect until a
 * call has ended well. On an `event` channel it is a command, told once; what the call returns (or resolves
 * to) goes back to the sender, and what it throws goes back as the failure's message.
 */
export type WriteHandler = (value: unknown, info: WriteInfo) => unknown;

/** Describes a channel. */
export interface ChannelOptions<C extends DeliveryClass = DeliveryClass> {
  /** Topic below the device's own name: `cpu/0` becomes `<device>/cpu/0`. */
  topic: string;
  /**
   * `state` (default): only the newest value matters. `event`: every sample is kept until it is on the
   * gateway's disk.
   */
  class?: C;
  /** Default `raw`. */
  encoding?: Encoding;
  unit?: string;
  /** Fields of encoding `struct`. */
  fields?: StructField[];
  /** JSON Schema or any other description; carried, not checked. */
  schema?: unknown;
}

/** Describes a channel that others write. */
export interface WritableOptions<C extends DeliveryClass = DeliveryClass> extends ChannelOptions<C> {
  writable: true;
  onWrite: WriteHandler;
}

/** When a sample was taken. */
export interface PublishOptions {
  /** Gateway time in microseconds since 1970; default now. See `Device.nowUs`. */
  timeUs?: number;
}

/** What every channel has. */
export interface Channel {
  /** Topic below the device's own name. */
  readonly topic: string;
  /** Whether the gateway has taken the channel on this connection, or why it refused it. */
  readonly status: ChannelStatus;
  /** Withdraws the channel. Events that wait reject with a `ClosedError`. */
  close(): void;
}

/** Where a channel stands. */
export type ChannelStatus =
  | { readonly state: "pending" }
  | { readonly state: "ready" }
  | { readonly state: "refused"; readonly code: string; readonly message: string }
  | { readonly state: "closed" };

/** A channel whose newest value matters. */
export interface StateChannel extends Channel {
  /**
   * Publishes the value. Bytes are copied.
   *
   * @returns true when it is on its way; false when there is no connection or the link is congested: it is kept,
   * in place of an older one, and sent as soon as it can be.
   * @throws {TypeError} when the value is none of the channel's encoding.
   * @throws {RangeError} when the payload is above the gateway's limit.
   */
  publish(value: Value, options?: PublishOptions): boolean;
}

/** A channel whose every sample matters. */
export interface EventChannel extends Channel {
  /**
   * Publishes an event. Bytes are copied.
   *
   * @returns Its sequence number, once the gateway has it on disk. A promise that nobody looks at may reject
   * without harm; `Device.stats` counts it.
   * @throws {BufferFullError} when the buffer is full and the overflow policy is `reject`.
   * @throws {DroppedError} when a newer event took its room, by the policy `drop-oldest`.
   * @throws {RefusedError} when the gateway refused the channel.
   * @throws {ClosedError} when the connection, or the channel, was closed first.
   */
  publish(value: Value, options?: PublishOptions): Promise<number>;
}

/** One channel's inner state. */
export interface ChannelRecord {
  readonly number: number;
  readonly options: ChannelOptions & { writable?: boolean; onWrite?: WriteHandler };
  readonly class: DeliveryClass;
  status: ChannelStatus;
  /** Of a state channel: last sequence used. */
  sequence: number;
  /** Of a state channel: the newest value. */
  newest: NewestValue | undefined;
  /** Of an event channel. */
  queue: EventQueue;
}

/** The newest value of a state channel, in a buffer that is used again. */
export interface NewestValue {
  bytes: Uint8Array;
  length: number;
  timeUs: number;
  local: boolean;
  /** When it was put on its way, by our clock; undefined while it waits. */
  sentUs: number | undefined;
}
