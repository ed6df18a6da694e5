/**
 * The acknowledgement frame: for each channel, everything up to and including a sequence number is safe.
 *
 * ```text
 * byte 0      0x02
 * then, until the message ends:
 *   varint    channel
 *   varint    sequence
 * ```
 *
 * @module
 */
import { FRAME } from "./batch.ts";
import { CLOSE } from "./close_codes.ts";
import { ProtocolError } from "./errors.ts";
import { Cursor, MAX_VARINT_BYTES, writeVarint } from "./varint.ts";

/** One acknowledged position. */
export interface Acknowledgement {
  channel: number;
  sequence: number;
}

/** Encodes an acknowledgement frame. */
export function encodeAck(acks: Iterable<Acknowledgement>): Uint8Array<ArrayBuffer> {
  const list = [...acks];
  const bytes = new Uint8Array(1 + list.length * 2 * MAX_VARINT_BYTES);
  bytes[0] = FRAME.ack;
  let at = 1;
  for (const { channel, sequence } of list) {
    at = writeVarint(bytes, at, channel);
    at = writeVarint(bytes, at, sequence);
  }
  return bytes.slice(0, at);
}

/**
 * Decodes an acknowledgement frame.
 *
 * @throws {ProtocolError} with `bad_frame` when it is not one or is cut short.
 */
export function decodeAck(frame: Uint8Array): Acknowledgement[] {
  if (frame[0] !== FRAME.ack) {
    throw new ProtocolError(
      CLOSE.badFrame,
      `frame kind ${frame[0] ?? "(empty message)"} is not an acknowledgement (${FRAME.ack})`,
    );
  }
  const cursor = new Cursor(frame, 1);
  const acks: Acknowledgement[] = [];
  while (cursor.at < cursor.end) acks.push({ channel: cursor.varint(), sequence: cursor.varint() });
  return acks;
}
