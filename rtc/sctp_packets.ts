/**
 * The two SCTP chunks that nearly all packets consist of, data and acknowledgement (RFC 9260 sections 3.3.1 and
 * 3.3.4), straight to and from the bytes on the wire.
 *
 * @module
 */
import type { Buffer } from "node:buffer";

/** Types of chunks. */
export const DATA = 0;
export const SACK = 3;

const HEADER_BYTES = 12;
const CHECKSUM_AT = 8;
const CHUNK_HEADER_BYTES = 4;
const DATA_HEADER_BYTES = 16;
const SACK_BYTES = 16;

/** A chunk of data, as werift has it. */
export interface DataChunk {
  readonly type: typeof DATA;
  flags: number;
  tsn: number;
  streamId: number;
  streamSeqNum: number;
  protocol: number;
  userData: Buffer;
}

/** An acknowledgement, as werift has it. */
export interface SackChunk {
  readonly type: typeof SACK;
  cumulativeTsn: number;
  advertisedRwnd: number;
  /** Blocks of what came behind a hole, from and to, counted from the cumulative number. */
  gaps: number[][];
  duplicates: number[];
}

/** Reckons the CRC-32C of some bytes. */
export type Checksum = (bytes: Buffer) => number;

/** Whose packet it is. */
export interface Ends {
  localPort: number;
  remotePort: number;
  /** Verification tag of the receiver. */
  tag: number;
}

/** Bytes that a chunk takes in a packet, padding included. */
export function chunkBytes(chunk: DataChunk | SackChunk): number {
  if (chunk.type === DATA) return padded(DATA_HEADER_BYTES + chunk.userData.length);
  return SACK_BYTES + 4 * (chunk.gaps.length + chunk.duplicates.length);
}

/** Length of a packet with such chunks. */
export function packetBytes(chunks: readonly (DataChunk | SackChunk)[]): number {
  return chunks.reduce((sum, chunk) => sum + chunkBytes(chunk), HEADER_BYTES);
}

/** Writes a packet; `into` must be as long as {@link packetBytes} says. */
export function writePacket(
  into: Buffer,
  { localPort, remotePort, tag }: Ends,
  chunks: readonly (DataChunk | SackChunk)[],
  checksum: Checksum,
): void {
  into.writeUInt16BE(localPort, 0);
  into.writeUInt16BE(remotePort, 2);
  into.writeUInt32BE(tag, 4);
  into.writeUInt32LE(0, CHECKSUM_AT);
  let at = HEADER_BYTES;
  for (const chunk of chunks) {
    if (chunk.type === DATA) writeData(into, at, chunk);
    else writeSack(into, at, chunk);
    at += chunkBytes(chunk);
  }
  into.writeUInt32LE(checksum(into), CHECKSUM_AT);
}

function writeData(into: Buffer, at: number, chunk: DataChunk): void {
  const length = DATA_HEADER_BYTES + chunk.userData.length;
  into[at] = DATA;
  into[at + 1] = chunk.flags;
  into.writeUInt16BE(length, at + 2);
  into.writeUInt32BE(chunk.tsn, at + 4);
  into.writeUInt16BE(chunk.streamId, at + 8);
  into.writeUInt16BE(chunk.streamSeqNum, at + 10);
  into.writeUInt32BE(chunk.protocol, at + 12);
  into.set(chunk.userData, at + DATA_HEADER_BYTES);
  into.fill(0, at + length, at + padded(length));
}

function writeSack(into: Buffer, at: number, { gaps, duplicates, ...chunk }: SackChunk): void {
  into[at] = SACK;
  into[at + 1] = 0;
  into.writeUInt16BE(SACK_BYTES + 4 * (gaps.length + duplicates.length), at + 2);
  into.writeUInt32BE(chunk.cumulativeTsn, at + 4);
  into.writeUInt32BE(chunk.advertisedRwnd, at + 8);
  into.writeUInt16BE(gaps.length, at + 12);
  into.writeUInt16BE(duplicates.length, at + 14);
  let next = at + SACK_BYTES;
  for (const [from = 0, to = 0] of gaps) {
    into.writeUInt16BE(from, next);
    into.writeUInt16BE(to, next + 2);
    next += 4;
  }
  for (const tsn of duplicates) next = into.writeUInt32BE(tsn, next);
}

/**
 * The chunks of a packet, of which each is data or an acknowledgement.
 *
 * @param packet Its field of the checksum is overwritten; the chunks' data refer to it.
 * @returns undefined when there is anything else in it, or it is not a packet to `tag`.
 */
export function readPacket(
  packet: Buffer,
  tag: number,
  checksum: Checksum,
): (DataChunk | SackChunk)[] | undefined {
  if (packet.length < HEADER_BYTES || packet.readUInt32BE(4) !== tag) return undefined;
  const chunks: (DataChunk | SackChunk)[] = [];
  for (let at = HEADER_BYTES; at < packet.length;) {
    if (at + CHUNK_HEADER_BYTES > packet.length) return undefined;
    const length = packet.readUInt16BE(at + 2);
    const chunk = at + length > packet.length ? undefined : readChunk(packet, at, length);
    if (!chunk) return undefined;
    chunks.push(chunk);
    at += padded(length);
  }
  return isWhole(packet, checksum) ? chunks : undefined;
}

function isWhole(packet: Buffer, checksum: Checksum): boolean {
  const said = packet.readUInt32LE(CHECKSUM_AT);
  packet.writeUInt32LE(0, CHECKSUM_AT);
  const is = checksum(packet) === said;
  packet.writeUInt32LE(said, CHECKSUM_AT);
  return is;
}

function readChunk(packet: Buffer, at: number, length: number): DataChunk | SackChunk | undefined {
  if (packet[at] === DATA && length > DATA_HEADER_BYTES) {
    return {
      type: DATA,
      flags: packet[at + 1]!,
      tsn: packet.readUInt32BE(at + 4),
      streamId: packet.readUInt16BE(at + 8),
      streamSeqNum: packet.readUInt16BE(at + 10),
      protocol: packet.readUInt32BE(at + 12),
      userData: packet.subarray(at + DATA_HEADER_BYTES, at + length),
    };
  }
  return packet[at] === SACK && length >= SACK_BYTES ? readSack(packet, at, length) : undefined;
}

function readSack(packet: Buffer, at: number, length: number): SackChunk | undefined {
  const gapCount = packet.readUInt16BE(at + 12);
  const duplicateCount = packet.readUInt16BE(at + 14);
  if (length !== SACK_BYTES + 4 * (gapCount + duplicateCount)) return undefined;
  let next = at + SACK_BYTES;
  const gaps: number[][] = [];
  for (let i = 0; i < gapCount; i++, next += 4) {
    gaps.push([packet.readUInt16BE(next), packet.readUInt16BE(next + 2)]);
  }
  return {
    type: SACK,
    cumulativeTsn: packet.readUInt32BE(at + 4),
    advertisedRwnd: packet.readUInt32BE(at + 8),
    gaps,
    duplicates: [], // werift makes nothing of them
  };
}

function padded(length: number): number {
  return length + 3 & ~3;
}
