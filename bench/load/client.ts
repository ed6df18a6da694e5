/**
 * What the generator needs of a protocol.
 *
 * @module
 */
import type { Wire } from "./wire.ts";

/** Told of each sample that arrives; the payload begins at `bytes[start]`. */
export type OnSample = (bytes: Uint8Array, start: number) => void;

/** One who publishes. */
export interface Publisher {
  readonly socket: Wire;
  /**
   * The bytes of so many messages with the shape's samples in each, stamped with `nowMs`: the first eight bytes of a
   * payload are its stamp. Borrowed until the next call.
   */
  encode(nowMs: number, messages: number): Uint8Array;
  /** Whether as much as may be is under way and not acknowledged: nothing is sent for now. */
  readonly full: boolean;
}

/** One who subscribes to all that the publishers send. */
export interface Subscriber {
  readonly socket: Wire;
}

/** What all publishers of a run have in common. */
export interface Shape {
  bytes: number;
  /** Samples that belong together: one message where the protocol has messages of many samples. */
  perWrite: number;
  topicsPerPublisher: number;
  qos: 0 | 1;
  events: boolean;
}

/** A protocol. Both calls return when the server has taken note, so that nothing sent afterwards is missed. */
export interface Client {
  publisher(index: number, shape: Shape): Promise<Publisher>;
  subscriber(onSample: OnSample): Promise<Subscriber>;
}

/** A payload with room for its stamp. */
export function payloadOf(bytes: number): Uint8Array {
  // Telemetry repeats itself, but not byte for byte.
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 3)) & 0xff);
}
