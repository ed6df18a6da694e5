/**
 * Takes the acknowledgements of messages that the bridge has written itself out of what comes from the broker,
 * and leaves the rest to the library.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** Packet types by which a broker answers a message (MQTT 5 section 2.1.2). */
export const ANSWER = { puback: 4, pubrec: 5, pubcomp: 7 } as const;

/** Told of an answer: its type, the message's id, and the reason code; 0 is success. */
export type Answered = (type: number, id: number, code: number) => void;

/** Longest answer that is looked into, in bytes; a reason in words may make one longer, and only its start counts. */
const MAX_HEAD_BYTES = 8;

/** Cuts the broker's stream into packets, wherever its pieces begin and end. */
export class Acknowledgements {
  readonly #head = Buffer.alloc(MAX_HEAD_BYTES);
  #headBytes = 0;
  /** Bytes that are left of the packet under way, and whether they are ours. */
  #left = 0;
  #ours = false;

  /**
   * @param firstId Ids from here on are the bridge's own.
   * @param answered Told of each answer to one of them.
   * @param pass Gets everything else, in order, borrowed from the pieces.
   */
  constructor(
    readonly firstId: number,
    readonly answered: Answered,
    readonly pass: (bytes: Buffer) => void,
  ) {}

  /** Takes the next piece. */
  push(bytes: Buffer): void {
    let passFrom = 0;
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        if (this.#ours) {
          if (at > passFrom) this.pass(bytes.subarray(passFrom, at));
          passFrom = at + taken;
        }
        at += taken;
        continue;
      }
      const headStart = at - this.#headBytes;
      const wanted = this.#fill(bytes, at);
      at += wanted.taken;
      if (!wanted.whole) {
        // Held back until it is known whose packet it is.
        if (headStart > passFrom) this.pass(bytes.subarray(passFrom, headStart));
        return;
      }
      const headBytes = this.#headBytes;
      this.#headBytes = 0;
      this.#ours = this.#take(headBytes);
      if (this.#ours) {
        if (headStart > passFrom) this.pass(bytes.subarray(passFrom, headStart));
        passFrom = at;
      } else if (headStart < 0) {
        this.pass(Buffer.from(this.#head.subarray(0, headBytes)));
        passFrom = at;
      }
    }
    if (passFrom < bytes.length) this.pass(bytes.subarray(passFrom));
  }

  /** Adds to the head until it says how long the packet is and, of an answer, whose. */
  #fill(bytes: Buffer, from: number): { taken: number; whole: boolean } {
    let at = from;
    while (at < bytes.length) {
      this.#head[this.#headBytes++] = bytes[at++]!;
      if (this.#complete()) return { taken: at - from, whole: true };
    }
    return { taken: at - from, whole: false };
  }

  #complete(): boolean {
    const head = this.#head;
    let size = 0;
    let lengthEnd = 0;
    for (let i = 1, unit = 1; i < this.#headBytes && i <= 4; i++, unit *= 128) {
      size += (head[i]! & 0x7f) * unit;
      if (head[i]! < 0x80) {
        lengthEnd = i + 1;
        break;
      }
    }
    if (lengthEnd === 0) {
      // Five bytes of length are not MQTT: the library will say so.
      this.#left = this.#headBytes > 4 ? Infinity : 0;
      return this.#left > 0;
    }
    const wanted = isAnswer(head[0]!) ? lengthEnd + Math.min(size, 3) : lengthEnd;
    if (this.#headBytes < wanted) return false;
    this.#left = size - (this.#headBytes - lengthEnd);
    return true;
  }

  /** Whether it is an answer to one of our messages, which is told then. */
  #take(headBytes: number): boolean {
    const head = this.#head;
    if (!isAnswer(head[0]!)) return false;
    let at = 1;
    while (head[at]! >= 0x80) at++;
    const id = (head[at + 1]! << 8) | head[at + 2]!;
    if (headBytes < at + 3 || id < this.firstId) return false;
    this.answered(head[0]! >> 4, id, headBytes > at + 3 ? head[at + 3]! : 0);
    return true;
  }
}

function isAnswer(first: number): boolean {
  const type = first >> 4;
  return type === ANSWER.puback || type === ANSWER.pubrec || type === ANSWER.pubcomp;
}
