/**
 * What waits for one subscriber: bytes ready to go out, beyond a limit only the newest value of each state topic.
 * A slow subscriber is slowed by itself and never holds up another one, nor the gateway.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { LatestValues } from "../../hub/latest_values.ts";
import type { BorrowedSample } from "../../hub/sample.ts";

/** With more than this waiting in its socket a subscriber gets newest values only, in bytes. */
export const BEHIND_BYTES = 262_144;

/** Writes to one client's stream. */
export class Backlog {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #scheduled = false;
  #waiting = false;
  readonly #latest = new LatestValues();

  constructor(
    readonly stream: Duplex,
    /** Encodes a sample as a packet. */
    readonly encode: (sample: BorrowedSample) => Buffer,
  ) {}

  /** Whether the client reads more slowly than its subscriptions produce. */
  get behind(): boolean {
    return this.stream.writableLength + this.#pendingBytes > BEHIND_BYTES;
  }

  /** Sends a packet at the end of this turn, together with the others of it. */
  write(packet: Buffer): void {
    this.#pending.push(packet);
    this.#pendingBytes += packet.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  /**
   * Sends a state sample, or keeps it as the newest while the client is behind.
   *
   * @returns whether it took the place of one that now never goes out.
   */
  state(sample: BorrowedSample, packet: () => Buffer): boolean {
    if (!this.behind && this.#latest.size === 0) {
      this.write(packet());
      return false;
    }
    const replaced = this.#latest.put(sample);
    this.#whenDrained();
    return replaced;
  }

  #flush(): void {
    this.#scheduled = false;
    const pending = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.stream.destroyed || this.stream.writableEnded) return;
    this.stream.write(pending.length === 1 ? pending[0]! : Buffer.concat(pending));
  }

  #whenDrained(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    const drain = () => {
      this.#waiting = false;
      this.#latest.drain((sample) => this.write(this.encode(sample)));
    };
    if (this.stream.writableNeedDrain) this.stream.once("drain", drain);
    else setImmediate(drain);
  }
}
