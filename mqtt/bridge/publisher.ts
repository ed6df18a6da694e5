/**
 * Publishes samples on one connection. The library keeps a copy, a timer and a callback of each message, and
 * writes its parts one by one; here a message is written once, into the memory that goes to the socket, and all
 * that is kept of it is its id.
 *
 * @module
 */
import { ANSWER } from "./acknowledgements.ts";
import { FIRST_OWN_ID, LAST_ID } from "./message_ids.ts";
import { type PacketStream, PacketWriter } from "./packet_writer.ts";
import type { MessageProperties } from "./properties.ts";

/** With more than this waiting for the network states are held back, where newer ones take their place; in bytes. */
const HIGH_WATER_BYTES = 262_144;

/** Most messages that may be unanswered at a time: one for each id. */
export const MAX_UNANSWERED = LAST_ID - FIRST_OWN_ID;

/** Fixed headers of MQTT 5 section 2.1. */
const PUBLISH = 0x30, PUBREL = 0x62;
const RETAIN = 0x01;

/** Reason code of MQTT 5 section 2.4. */
const PACKET_TOO_LARGE = 149;

/** A message; `bytes[start, end)` is lent for the call. */
export interface Message {
  /** As MQTT has it: two bytes of length, then UTF-8. */
  topic: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** Of MQTT 5; without, the message is of MQTT 3.1.1. */
  properties: MessageProperties | undefined;
  timeUs: number;
  offset: number;
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** Told once: that a message arrived, or with which reason code (128 and above) the broker refused it. */
export type Settled = (refusal?: number) => void;

/** Writes to one connection; nothing is told any more when that is over. */
export class Publisher {
  readonly #writer: PacketWriter;
  readonly #unanswered = new Map<number, Settled>();
  #held: Settled[] = [];
  readonly #maxPacketBytes: number;
  #id: number;

  /**
   * @param lastId Id after which to go on: a broker that kept the session may still know those before.
   * @param maxPacketBytes Largest packet that the broker takes (MQTT 5 section 3.2.2.3.6).
   */
  constructor(stream: PacketStream, lastId: number, maxPacketBytes = Infinity) {
    this.#writer = new PacketWriter(stream);
    this.#id = lastId;
    this.#maxPacketBytes = maxPacketBytes;
  }

  /** Id that was used last. */
  get lastId(): number {
    return this.#id;
  }

  /** Whether the network takes more now. */
  get room(): boolean {
    return this.#writer.waiting < HIGH_WATER_BYTES;
  }

  /** Publishes. At QoS 0 `settled` is told once the network has room, else when the broker has answered. */
  publish(message: Message, settled: Settled): void {
    const { topic, qos, retain, properties, timeUs, offset, bytes, start, end } = message;
    const propertyBytes = properties?.size(timeUs, offset) ?? 0;
    const payloadBytes = end - start;
    const size = topic.length + (qos > 0 ? 2 : 0) +
      (properties ? lengthBytes(propertyBytes) + propertyBytes : 0) + payloadBytes;
    const packetBytes = 1 + lengthBytes(size) + size;
    // Sent all the same it would end the connection, and the next one, and so on.
    if (packetBytes > this.#maxPacketBytes) return settled(PACKET_TOO_LARGE);
    let at = this.#writer.reserve(packetBytes);
    const out = this.#writer.bytes;
    out[at++] = PUBLISH | (qos << 1) | (retain ? RETAIN : 0);
    at = writeLength(out, at, size);
    out.set(topic, at);
    at += topic.length;
    if (qos > 0) {
      const id = this.#nextId(settled);
      out[at++] = id >> 8;
      out[at++] = id & 0xff;
    }
    if (properties) at = properties.write(out, writeLength(out, at, propertyBytes), timeUs, offset);
    out.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
    if (qos > 0) return;
    if (this.room) return settled();
    this.#held.push(settled);
    if (this.#held.length === 1) this.#writer.flush(() => this.#release());
  }

  /** The broker answered. */
  answered(type: number, id: number, code: number): void {
    if (type === ANSWER.pubrec && code < 128) {
      const at = this.#writer.reserve(4);
      this.#writer.bytes.set([PUBREL, 2, id >> 8, id & 0xff], at);
      return;
    }
    const settled = this.#unanswered.get(id);
    this.#unanswered.delete(id);
    if (code >= 128 && type !== ANSWER.pubcomp) settled?.(code);
    else settled?.();
  }

  #nextId(settled: Settled): number {
    if (this.#unanswered.size > MAX_UNANSWERED) {
      throw new Error("more messages are under way than there are ids");
    }
    do this.#id = this.#id >= LAST_ID ? FIRST_OWN_ID : this.#id + 1; while (this.#unanswered.has(this.#id));
    this.#unanswered.set(this.#id, settled);
    return this.#id;
  }

  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const settled of held) settled();
  }
}

/** Bytes of a length (MQTT 5 section 1.5.5). */
function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4;
}

function writeLength(out: Uint8Array, at: number, length: number): number {
  let left = length;
  while (left > 0x7f) {
    out[at++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  out[at++] = left;
  return at;
}
