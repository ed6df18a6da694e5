/**
 * Publishes samples on one connection. The library keeps a copy, a timer and a callback of each message, and
 * writes its parts one by one; here a message is written once, into the memory that goes to the socket, and all
 * that is kept of it is its id.
 *
 * @module
 */
import { ANSWER } from "./acknowledgements.ts";
import { FIRST_OWN_ID, FIRST_QOS1_ID, LAST_ID } from "./message_ids.ts";
import { type PacketStream, PacketWriter } from "./packet_writer.ts";
import type { MessageProperties } from "./properties.ts";

/** With more than this waiting for the network states are held back, where newer ones take their place; in bytes. */
const HIGH_WATER_BYTES = 262_144;

/** Most messages that may be unanswered at a time, by quality of service: one for each id. */
export const MAX_UNANSWERED = { 1: LAST_ID - FIRST_QOS1_ID + 1, 2: FIRST_QOS1_ID - FIRST_OWN_ID } as const;

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
  /** Messages at QoS 2 that the broker has received. */
  readonly #received = new Set<number>();
  #held: Settled[] = [];
  readonly #maxPacketBytes: number;
  readonly #ids = { 1: FIRST_QOS1_ID - 1, 2: FIRST_OWN_ID - 1 };

  /** @param maxPacketBytes Largest packet that the broker takes (MQTT 5 section 3.2.2.3.6). */
  constructor(stream: PacketStream, maxPacketBytes = Infinity) {
    this.#writer = new PacketWriter(stream);
    this.#maxPacketBytes = maxPacketBytes;
  }

  /**
   * Releases whatever a former connection has left at QoS 2 in a session that the broker kept. It would take a new
   * message with such an id for the old one, and the old ones would fill its Receive Maximum for good.
   */
  releaseFormer(): void {
    for (let id = FIRST_OWN_ID; id < FIRST_QOS1_ID; id++) this.#release(id);
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
    const id = qos === 0 ? 0 : this.#nextId(qos, settled);
    let at = this.#writer.reserve(packetBytes);
    const out = this.#writer.bytes;
    out[at++] = PUBLISH | (qos << 1) | (retain ? RETAIN : 0);
    at = writeLength(out, at, size);
    out.set(topic, at);
    at += topic.length;
    if (qos > 0) {
      out[at++] = id >> 8;
      out[at++] = id & 0xff;
    }
    if (properties) at = properties.write(out, writeLength(out, at, propertyBytes), timeUs, offset);
    out.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
    if (qos > 0) return;
    if (this.room) return settled();
    this.#held.push(settled);
    if (this.#held.length === 1) this.#writer.flush(() => this.#letGo());
  }

  /** The broker answered. */
  answered(type: number, id: number, code: number): void {
    if (type === ANSWER.pubrec && code < 128) {
      this.#received.add(id);
      return this.#release(id);
    }
    // The end of a former message, which had the same id.
    if (type === ANSWER.pubcomp && !this.#received.delete(id)) return;
    const settled = this.#unanswered.get(id);
    this.#unanswered.delete(id);
    if (code >= 128 && type !== ANSWER.pubcomp) settled?.(code);
    else settled?.();
  }

  #nextId(qos: 1 | 2, settled: Settled): number {
    const [first, last] = qos === 1 ? [FIRST_QOS1_ID, LAST_ID] : [FIRST_OWN_ID, FIRST_QOS1_ID - 1];
    for (let tries = MAX_UNANSWERED[qos]; tries > 0; tries--) {
      const id = this.#ids[qos] >= last ? first : this.#ids[qos] + 1;
      this.#ids[qos] = id;
      if (this.#unanswered.has(id)) continue;
      this.#unanswered.set(id, settled);
      return id;
    }
    throw new Error(`more than ${MAX_UNANSWERED[qos]} messages are under way at QoS ${qos}`);
  }

  #release(id: number): void {
    const at = this.#writer.reserve(4);
    this.#writer.bytes.set([PUBREL, 2, id >> 8, id & 0xff], at);
  }

  #letGo(): void {
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
