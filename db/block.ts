/**
 * The layout of a block: samples of one topic and run in columns, so that times and offsets, which change
 * little from sample to sample, take a byte or none, and payloads stand side by side for the compressor.
 *
 * ```text
 * byte      flags: 1 payloads all of one length; 2 offsets count up by one; 4 several sessions
 * varint    count (at least 1)
 * varint    first offset
 * varint    first time, microseconds
 * varint    session                         (unless flag 4)
 * varint    length                          (flag 1)
 * count-1 x varint          offset minus the one before   (unless flag 2)
 * count-1 x zigzag varint   time minus the one before
 * count   x varint          session         (flag 4)
 * count   x varint          length          (unless flag 1)
 * bytes     payloads
 * ```
 *
 * @module
 */
import { Cursor, MAX_VARINT_BYTES, unzigzag, writeVarint, zigzag } from "../protocol/varint.ts";
import { Columns } from "./columns.ts";

const ONE_LENGTH = 1;
const CONSECUTIVE = 2;
const MIXED_SESSIONS = 4;

/** Bytes that the fixed part takes at most. */
const HEADER_BYTES = 1 + 5 * MAX_VARINT_BYTES;

function flagsOf(columns: Columns, from: number, to: number): number {
  const length = columns.ends[from]! - columns.start(from);
  const session = columns.sessions[from]!;
  let flags = ONE_LENGTH | CONSECUTIVE;
  for (let i = from + 1; i < to; i++) {
    if (columns.ends[i]! - columns.ends[i - 1]! !== length) flags &= ~ONE_LENGTH;
    if (columns.offsets[i]! !== columns.offsets[i - 1]! + 1) flags &= ~CONSECUTIVE;
    if (columns.sessions[i]! !== session) flags |= MIXED_SESSIONS;
  }
  return flags;
}

/** Encodes samples `from` to `to` (not included); there must be at least one, in ascending order of offset. */
export function encodeBlock(columns: Columns, from: number = 0, to: number = columns.count): Uint8Array {
  const count = to - from;
  const payloadStart = columns.start(from);
  const payloadEnd = columns.ends[to - 1]!;
  const flags = flagsOf(columns, from, to);
  const bytes = new Uint8Array(
    HEADER_BYTES + count * 4 * MAX_VARINT_BYTES + payloadEnd - payloadStart,
  );
  bytes[0] = flags;
  let at = writeVarint(bytes, 1, count);
  at = writeVarint(bytes, at, columns.offsets[from]!);
  at = writeVarint(bytes, at, columns.timesUs[from]!);
  if (!(flags & MIXED_SESSIONS)) at = writeVarint(bytes, at, columns.sessions[from]!);
  if (flags & ONE_LENGTH) at = writeVarint(bytes, at, columns.ends[from]! - payloadStart);
  if (!(flags & CONSECUTIVE)) {
    for (let i = from + 1; i < to; i++) {
      at = writeVarint(bytes, at, columns.offsets[i]! - columns.offsets[i - 1]!);
    }
  }
  for (let i = from + 1; i < to; i++) {
    at = writeVarint(bytes, at, zigzag(columns.timesUs[i]! - columns.timesUs[i - 1]!));
  }
  if (flags & MIXED_SESSIONS) {
    for (let i = from; i < to; i++) at = writeVarint(bytes, at, columns.sessions[i]!);
  }
  if (!(flags & ONE_LENGTH)) {
    for (let i = from; i < to; i++) at = writeVarint(bytes, at, columns.ends[i]! - columns.start(i));
  }
  bytes.set(columns.bytes.subarray(payloadStart, payloadEnd), at);
  return bytes.subarray(0, at + payloadEnd - payloadStart);
}

/** Decodes a block. The payloads stay where they are: the result's `bytes` is a view into `block`. */
export function decodeBlock(block: Uint8Array): Columns {
  const flags = block[0]!;
  const cursor = new Cursor(block, 1);
  const count = cursor.varint();
  const columns = new Columns(count, 0);
  const { offsets, timesUs, sessions, ends } = columns;
  offsets[0] = cursor.varint();
  timesUs[0] = cursor.varint();
  if (!(flags & MIXED_SESSIONS)) sessions.fill(cursor.varint());
  const length = flags & ONE_LENGTH ? cursor.varint() : 0;
  for (let i = 1; i < count; i++) {
    offsets[i] = offsets[i - 1]! + (flags & CONSECUTIVE ? 1 : cursor.varint());
  }
  for (let i = 1; i < count; i++) timesUs[i] = timesUs[i - 1]! + unzigzag(cursor.varint());
  if (flags & MIXED_SESSIONS) { for (let i = 0; i < count; i++) sessions[i] = cursor.varint(); }
  let end = 0;
  for (let i = 0; i < count; i++) ends[i] = end += flags & ONE_LENGTH ? length : cursor.varint();
  if (cursor.at + end !== block.length) {
    throw new Error(
      `block of ${block.length} bytes should have ${cursor.at + end}: the database is damaged; run doctor`,
    );
  }
  columns.bytes = block.subarray(cursor.at);
  columns.count = count;
  columns.size = end;
  return columns;
}
