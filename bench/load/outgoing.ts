/**
 * Memory in which a publisher puts together what it sends, used again for each write.
 *
 * @module
 */

/** First size, in bytes; more than what is due at a time in most workloads. */
const FIRST_BYTES = 16_384;

/** Bytes that grow as needed and are never given back. */
export class Outgoing {
  bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  /** How many are in use. */
  length = 0;

  /** Makes room for so many bytes behind what is there. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const next = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    next.set(this.bytes.subarray(0, this.length));
    this.bytes = next;
  }

  /** Appends a copy. */
  add(part: Uint8Array): void {
    this.reserve(part.length);
    this.bytes.set(part, this.length);
    this.length += part.length;
  }

  /** All of it, borrowed until the next {@link Outgoing.add}; what comes then begins anew. */
  take(): Uint8Array {
    const all = this.bytes.subarray(0, this.length);
    this.length = 0;
    return all;
  }
}
