/**
 * Takes whole binary messages out of the bytes of a WebSocket's connection, which is nearly all that devices send, at
 * a fraction of what a general receiver takes for each. Every other frame goes on, byte for byte, to one: text,
 * control frames, fragments, what spans two reads, and what is wrong (RFC 6455 section 5.2).
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** First byte of a frame that is a whole binary message: FIN, no reserved bit, and the opcode. */
const WHOLE_BINARY = 0x82;

const FIN = 0x80;
const MASKED = 0x80;

/** Opcodes from here on are control frames', which may come between a message's fragments. */
const FIRST_CONTROL_OPCODE = 8;

const MASK_BYTES = 4;

/** Where the messages and the other frames go. */
export interface IntakeParts {
  /** Larger messages go on, to be refused. */
  readonly maxMessageBytes: number;
  /** A binary message, unmasked; valid only during the call. */
  message(bytes: Uint8Array): void;
  /** The next bytes for the general receiver: it sees whole frames, whatever the reads. */
  other(bytes: Buffer): void;
}

/** The intake of one connection. */
export class FrameIntake {
  readonly #parts: IntakeParts;
  /** Bytes to come of a frame that goes on. */
  #passing = 0;
  /** A frame's first bytes, where a read ended within its header. */
  #head: Buffer | undefined;
  /** Whether a message in fragments is under way. */
  #fragmented = false;
  #ended = false;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Nothing more is wanted: the peer has closed, or broke the rules. */
  end(): void {
    this.#ended = true;
    this.#head = undefined;
  }

  /** The connection's next bytes, which are unmasked in place. */
  push(chunk: Buffer): void {
    if (this.#ended) return;
    let at = this.#pass(chunk);
    const bytes = this.#head === undefined ? chunk : Buffer.concat([this.#head, chunk]);
    this.#head = undefined;
    while (at < bytes.length && !this.#ended) {
      const start = payloadStart(bytes, at);
      if (start > bytes.length) {
        this.#head = Buffer.from(bytes.subarray(at)); // a copy, so that a few bytes do not keep a whole read
        return;
      }
      const end = start + payloadLength(bytes, at);
      if (this.#isPlain(bytes, at, start, end)) {
        unmask(bytes, start, end);
        this.#parts.message(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start));
      } else {
        this.#note(bytes[at]!);
        this.#passing = Math.max(0, end - bytes.length);
        this.#parts.other(bytes.subarray(at, end));
      }
      at = end;
    }
  }

  /** Hands on what `chunk` holds of a frame that began in an earlier one; returns where the next begins. */
  #pass(chunk: Buffer): number {
    if (this.#passing === 0) return 0;
    const passed = Math.min(this.#passing, chunk.length);
    this.#passing -= passed;
    this.#parts.other(chunk.subarray(0, passed));
    return passed;
  }

  #isPlain(bytes: Buffer, at: number, start: number, end: number): boolean {
    return bytes[at] === WHOLE_BINARY && (bytes[at + 1]! & MASKED) !== 0 && !this.#fragmented &&
      end <= bytes.length && end - start <= this.#parts.maxMessageBytes;
  }

  #note(first: number): void {
    if ((first & 0x0f) < FIRST_CONTROL_OPCODE) this.#fragmented = (first & FIN) === 0;
  }
}

/** Where the payload of the frame at `at` begins; beyond the end of `bytes` when its header is not all there. */
function payloadStart(bytes: Buffer, at: number): number {
  if (at + 2 > bytes.length) return at + 2;
  const second = bytes[at + 1]!;
  const length = second & 0x7f;
  return at + (length < 126 ? 2 : length === 126 ? 4 : 10) + ((second & MASKED) === 0 ? 0 : MASK_BYTES);
}

/** Length of that payload; its header is all there. Above 2^53 it is about right, and refused. */
function payloadLength(bytes: Buffer, at: number): number {
  const length = bytes[at + 1]! & 0x7f;
  if (length < 126) return length;
  if (length === 126) return bytes.readUInt16BE(at + 2);
  return bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6);
}

/** Takes the mask, which is right before `start`, off the payload (RFC 6455 section 5.3). */
function unmask(bytes: Buffer, start: number, end: number): void {
  const a = bytes[start - 4]!, b = bytes[start - 3]!, c = bytes[start - 2]!, d = bytes[start - 1]!;
  let i = start;
  for (; i + 3 < end; i += 4) {
    bytes[i]! ^= a;
    bytes[i + 1]! ^= b;
    bytes[i + 2]! ^= c;
    bytes[i + 3]! ^= d;
  }
  if (i < end) bytes[i]! ^= a;
  if (i + 1 < end) bytes[i + 1]! ^= b;
  if (i + 2 < end) bytes[i + 2]! ^= c;
}
