/**
 * What the generator needs of a protocol.
 *
 * @module
 */
import type { Socket } from "node:net";

/** Told of each sample that arrives; the payload begins at `bytes[start]`. */
export type OnSample = (bytes: Uint8Array, start: number) => void;

/** One who publishes. */
export interface Publisher {
  readonly socket: Socket;
  /** The bytes that carry `count` samples stamped with `nowMs`; the first eight bytes of a payload are its stamp. */
  encode(nowMs: number, count: number): Uint8Array;
  /** Whether as much as may be is under way and not acknowledged: nothing is sent for now. */
  readonly full: boolean;
}

/** One who subscribes to all that the publishers send. */
export interface Subscriber {
  readonly socket: Socket;
}

/** What all publishers of a run have in common. */
export interface Shape {
  bytes: number;
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
