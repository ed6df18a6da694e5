/**
 * Checks the nesting and the announced sizes of JSON, CBOR and MessagePack before a library gets to see the
 * bytes. The libraries recurse as deep as the bytes say, or reserve as much as they announce: a few bytes could
 * take the stack or gigabytes of memory.
 *
 * @module
 */
import { MAX_DEPTH, PayloadError } from "./payload.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Checks the brackets of a JSON text. */
export function checkJson(bytes: Uint8Array): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > MAX_DEPTH) throw new PayloadError("JSON nesting", depth, MAX_DEPTH);
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
}

/**
 * The open arrays, maps and tags while walking: how many items each still waits for. Every item takes at least
 * one byte, so what is owed in all can never be more than the bytes that are left.
 */
class Owed {
  readonly #items: number[] = [];
  #total = 0;

  constructor(readonly what: string) {}

  get depth(): number {
    return this.#items.length;
  }

  /** One item is complete; so is each container whose last item that was. */
  done(): void {
    for (let last = this.#items.length - 1; last >= 0; last--) {
      this.#total--;
      if (--this.#items[last]! > 0) return;
      this.#items.pop();
    }
  }

  /** A container of `items` begins; Infinity when a break ends it. */
  open(items: number, bytesLeft: number): void {
    if (items === 0) return this.done();
    this.#items.push(items);
    if (this.#items.length > MAX_DEPTH) {
      throw new PayloadError(`${this.what} nesting`, this.#items.length, MAX_DEPTH);
    }
    if (items === Infinity) return;
    this.#total += items;
    // The item that each container around this one is at has had its first byte already.
    const limit = bytesLeft + this.#items.length - 1;
    if (this.#total > limit) throw new PayloadError(`${this.what} items announced`, this.#total, limit);
  }

  /** A break: the innermost container must be one of unknown length. */
  close(): void {
    if (this.#items.pop() !== Infinity) throw new PayloadError(`${this.what} break`, "one", "none here");
    this.done();
  }
}

function unsigned(bytes: Uint8Array, at: number, size: number, what: string): number {
  if (at + size > bytes.length) {
    throw new PayloadError(`${what} length in bytes`, bytes.length, `at least ${at + size}`);
  }
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 0x100 + bytes[at + i]!;
  return value;
}

/** Checks nesting and announced sizes of a CBOR item (RFC 8949 section 3). */
export function checkCbor(bytes: Uint8Array): void {
  const owed = new Owed("CBOR");
  let at = 0;
  do {
    const head = unsigned(bytes, at++, 1, "CBOR");
    const major = head >> 5;
    const info = head & 0x1f;
    if (head === 0xff) {
      owed.close();
      continue;
    }
    const size = info < 24 ? 0 : info < 28 ? 1 << (info - 24) : 0;
    const argument = info < 24 ? info : info === 31 ? Infinity : unsigned(bytes, at, size, "CBOR");
    at += size;
    if (major === 4) owed.open(argument, bytes.length - at);
    else if (major === 5) owed.open(argument * 2, bytes.length - at);
    else if (major === 6) owed.open(1, bytes.length - at);
    else if ((major === 2 || major === 3) && argument === Infinity) owed.open(Infinity, bytes.length - at);
    else {
      if (major === 2 || major === 3) at += argument;
      owed.done();
    }
  } while (owed.depth > 0);
}

/** Bytes that follow each MessagePack head from 0xc0 on: those of the length, then fixed ones. */
const MSGPACK_LENGTH_BYTES = [
  0,
  0,
  0,
  0,
  1,
  2,
  4,
  1,
  2,
  4,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
  2,
  4,
];
const MSGPACK_FIXED_BYTES = [
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
  1,
  1,
  4,
  8,
  1,
  2,
  4,
  8,
  1,
  2,
  4,
  8,
  2,
  3,
  5,
  9,
  17,
  0,
  0,
  0,
];

/** Checks nesting and announced sizes of a MessagePack object. */
export function checkMsgpack(bytes: Uint8Array): void {
  const owed = new Owed("MessagePack");
  let at = 0;
  do {
    const head = unsigned(bytes, at++, 1, "MessagePack");
    if (head >= 0x80 && head < 0xa0) {
      const count = head & 0x0f;
      owed.open(head < 0x90 ? count * 2 : count, bytes.length - at);
    } else if (head >= 0xdc && head <= 0xdf) {
      const size = (head & 1) === 0 ? 2 : 4;
      const count = unsigned(bytes, at, size, "MessagePack");
      at += size;
      owed.open(head >= 0xde ? count * 2 : count, bytes.length - at);
    } else {
      if (head >= 0xa0 && head < 0xc0) at += head & 0x1f;
      else if (head >= 0xc0 && head < 0xdc) {
        const size = MSGPACK_LENGTH_BYTES[head - 0xc0]!;
        at += size + MSGPACK_FIXED_BYTES[head - 0xc0]! + unsigned(bytes, at, size, "MessagePack");
      }
      owed.done();
    }
  } while (owed.depth > 0);
}
