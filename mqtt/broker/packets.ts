/**
 * PUBLISH packets (MQTT 3.1.1 section 3.3): at QoS 0 encoded once for all subscribers of a sample.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** What QoS 1 adds: packet identifier, and whether the message was sent before. */
export interface Acknowledgeable {
  id: number;
  repeated: boolean;
}

/** Encodes one, without the retain flag: it is live. */
export function publishPacket(topic: string, payload: Uint8Array, qos1?: Acknowledgeable): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const remaining = 2 + topicBytes + (qos1 ? 2 : 0) + payload.length;
  const header = 1 + lengthBytes(remaining);
  const packet = Buffer.allocUnsafe(header + remaining);
  packet[0] = qos1 ? (qos1.repeated ? 0x3a : 0x32) : 0x30;
  let at = 1;
  for (let left = remaining; at < header; left >>>= 7) {
    packet[at++] = left > 0x7f ? (left & 0x7f) | 0x80 : left;
  }
  at = packet.writeUInt16BE(topicBytes, at);
  at += packet.write(topic, at, "utf8");
  if (qos1) at = packet.writeUInt16BE(qos1.id, at);
  packet.set(payload, at);
  return packet;
}

/** Bytes of the remaining length (section 2.2.3). */
function lengthBytes(remaining: number): number {
  return remaining < 0x80 ? 1 : remaining < 0x4000 ? 2 : remaining < 0x20_0000 ? 3 : 4;
}
