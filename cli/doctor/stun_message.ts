/**
 * The few STUN and TURN messages that a check of a server needs (RFC 8489, RFC 8656). Pure.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac, randomBytes } from "node:crypto";

/** Message types: class and method together. */
export const STUN_TYPE = {
  binding: 0x0001,
  bindingSuccess: 0x0101,
  allocate: 0x0003,
  allocateSuccess: 0x0103,
  allocateError: 0x0113,
  refresh: 0x0004,
} as const;

/** Attributes. */
export const STUN_ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  error: 0x0009,
  lifetime: 0x000d,
  realm: 0x0014,
  nonce: 0x0015,
  relayedAddress: 0x0016,
  requestedTransport: 0x0019,
  mappedAddress: 0x0020,
} as const;

const COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const INTEGRITY_BYTES = 20;

/** A message that was read. */
export interface StunMessage {
  type: number;
  transaction: Buffer;
  attributes: Map<number, Buffer>;
}

/** Credentials of a TURN server for one exchange (RFC 8489 section 9.2). */
export interface StunCredentials {
  username: string;
  password: string;
  realm: string;
}

/** Writes a message; with credentials it is signed. */
export function writeStun(
  type: number,
  attributes: readonly (readonly [number, Uint8Array])[],
  credentials?: StunCredentials,
  transaction: Uint8Array = randomBytes(12),
): Buffer {
  const body = Buffer.concat(attributes.map(([kind, value]) => attribute(kind, value)));
  if (!credentials) return Buffer.concat([header(type, body.length, transaction), body]);
  const { username, password, realm } = credentials;
  const signedLength = body.length + 4 + INTEGRITY_BYTES;
  const signed = Buffer.concat([header(type, signedLength, transaction), body]);
  const key = createHash("md5").update(`${username}:${realm}:${password}`).digest();
  return Buffer.concat([
    signed,
    attribute(STUN_ATTRIBUTE.integrity, createHmac("sha1", key).update(signed).digest()),
  ]);
}

function header(type: number, length: number, transaction: Uint8Array): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(length, 2);
  bytes.writeUInt32BE(COOKIE, 4);
  return Buffer.concat([bytes, transaction]);
}

function attribute(kind: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  bytes.writeUInt16BE(kind, 0);
  bytes.writeUInt16BE(value.length, 2);
  bytes.set(value, 4);
  return bytes;
}

/** Length of the message that begins here, or undefined while its header is not complete. */
export function stunLength(bytes: Buffer): number | undefined {
  return bytes.length < 4 ? undefined : HEADER_BYTES + bytes.readUInt16BE(2);
}

/** Reads a message; undefined when it is none. */
export function readStun(bytes: Buffer): StunMessage | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(4) !== COOKIE || stunLength(bytes) !== bytes.length) {
    return undefined;
  }
  const attributes = new Map<number, Buffer>();
  for (let at = HEADER_BYTES; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16BE(at + 2);
    if (at + 4 + length > bytes.length) return undefined;
    attributes.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return { type: bytes.readUInt16BE(0), transaction: bytes.subarray(8, HEADER_BYTES), attributes };
}

/** An address of an attribute such as XOR-MAPPED-ADDRESS, as `address:port` (RFC 8489 section 14.2). */
export function readAddress(message: StunMessage, kind: number): string | undefined {
  const value = message.attributes.get(kind);
  if (!value || value.length < 8) return undefined;
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(COOKIE, 0);
  mask.set(message.transaction, 4);
  const port = value.readUInt16BE(2) ^ (COOKIE >>> 16);
  const plain = value.subarray(4).map((byte, i) => byte ^ mask[i]!);
  if (plain.length === 4) return `${[...plain].join(".")}:${port}`;
  if (plain.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => (plain[2 * i]! << 8 | plain[2 * i + 1]!).toString(16));
  return `[${groups.join(":")}]:${port}`;
}

/** Code and reason of an error (RFC 8489 section 14.8). */
export function readError({ attributes }: StunMessage): { code: number; reason: string } | undefined {
  const value = attributes.get(STUN_ATTRIBUTE.error);
  if (!value || value.length < 4) return undefined;
  return { code: (value[2]! & 7) * 100 + value[3]!, reason: value.subarray(4).toString() };
}
