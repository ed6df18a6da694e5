/**
 * Puts many packets into one write: a message costs what its bytes cost, and a write what a system call costs.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";

/** Memory that packets are written to, in bytes; a larger packet gets memory of its own. */
const CHUNK_BYTES = 65_536;

/** The part of a stream that packets go to. */
export type PacketStream = Pick<Duplex, "write" | "writableLength" | "destroyed" | "writableEnded">;

/** Gathers the packets of one turn of the event loop. */
export class PacketWriter {
  /** Where the packet goes that {@link reserve} made room for. */
  bytes: Buffer = Buffer.alloc(0);
  readonly #stream: PacketStream;
  #start = 0;
  #end = 0;
  #scheduled = false;

  constructor(stream: PacketStream) {
    this.#stream = stream;
  }

  /** Bytes that the system has not taken yet. */
  get waiting(): number {
    return this.#stream.writableLength + this.#end - this.#start;
  }

  /** Makes room for a packet of this size, to be filled before the next call; returns its place in `bytes`. */
  reserve(size: number): number {
    if (this.#end + size > this.bytes.length) {
      this.flush();
      // What the stream still holds is never written to again: the memory is new.
      this.bytes = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, size));
      this.#start = this.#end = 0;
    }
    const at = this.#end;
    this.#end += size;
    if (!this.#scheduled) {
      this.#scheduled = true;
      queueMicrotask(() => {
        this.#scheduled = false;
        this.flush();
      });
    }
    return at;
  }

  /** Writes what has gathered. */
  flush(written?: () => void): void {
    const { bytes } = this;
    const start = this.#start;
    if (start === this.#end || this.#stream.destroyed || this.#stream.writableEnded) return;
    this.#start = this.#end;
    if (written) this.#stream.write(bytes.subarray(start, this.#end), written);
    else this.#stream.write(bytes.subarray(start, this.#end));
  }
}
