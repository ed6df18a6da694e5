/**
 * What goes from a device to the gateway: samples gathered into batches, one for each lane, flushed at once
 * after silence and at most every few milliseconds under load.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import type { Environment } from "./environment.ts";
import { Line } from "./line.ts";
import type { ClientTransport, Lane } from "./transport.ts";

/** A batch of this size goes out without waiting for more. */
const FULL_BATCH_BYTES = 16_384;

/** A sample takes about so many bytes beside its payload. */
const RECORD_BYTES = 12;

/** What an uplink needs of its device. */
export interface UplinkOwner {
  /** Sends a ping with this number. */
  ping(id: number): void;
  /** A link that was slower than the device takes more: what waits is to be added, as long as the uplink is free. */
  room(): void;
}

/** Batches samples onto a transport. */
export class Uplink {
  /** Whether the link takes more without a queue building up; false without a link. */
  get free(): boolean {
    return this.#line !== undefined && this.#line.free;
  }

  get attached(): boolean {
    return this.#line !== undefined;
  }

  #line: Line | undefined;
  #writers: Record<Lane, BatchWriter> = {
    control: new BatchWriter({ maxBytes: 0 }),
    state: new BatchWriter({ maxBytes: 0 }),
  };
  #scheduled = false;
  #lastFlushUs = 0;
  #stopFlush: () => void = () => {};
  readonly #env: Environment;
  readonly #flushMs: number;
  readonly #owner: UplinkOwner;

  /** @param flushMs Longest time a sample waits for company; 0 sends each at once. */
  constructor(env: Environment, flushMs: number, owner: UplinkOwner) {
    this.#env = env;
    this.#flushMs = flushMs;
    this.#owner = owner;
  }

  /** A connection is there. */
  attach(transport: ClientTransport, maxMessageBytes: number): void {
    this.detach();
    this.#line = new Line(transport, this.#env, {
      ping: (id) => this.#owner.ping(id),
      room: () => {
        this.#owner.room();
        this.flush();
      },
    });
    this.#writers = {
      control: new BatchWriter({ maxBytes: maxMessageBytes }),
      state: new BatchWriter({ maxBytes: maxMessageBytes }),
    };
  }

  /** The connection is gone; what was not flushed is dropped: events come again, state is superseded. */
  detach(): void {
    this.#stopFlush();
    this.#line?.end();
    this.#line = undefined;
    this.#scheduled = false;
  }

  /**
   * Adds a sample; the payload is copied. The caller has made sure that there is a link and that the payload
   * is within the limit.
   */
  add(lane: Lane, channel: number, sequence: number, timeUs: number, payload: Uint8Array): void {
    const writer = this.#writers[lane];
    if (!writer.add(channel, sequence, timeUs, payload)) {
      this.#send(lane);
      if (!writer.add(channel, sequence, timeUs, payload)) {
        throw new RangeError(
          `payload of ${payload.length} bytes does not fit into a message of ${writer.maxBytes}`,
        );
      }
    }
    this.#line?.took(payload.length + RECORD_BYTES);
    if (this.#flushMs === 0) this.flush();
    else if (writer.length >= FULL_BATCH_BYTES) this.#send(lane);
    else if (!this.#scheduled) this.#schedule();
  }

  /** A ping was answered. */
  pong(id: number): void {
    this.#line?.pong(id);
  }

  /** Sends what is gathered. */
  flush(): void {
    this.#stopFlush();
    this.#scheduled = false;
    this.#send("control");
    this.#send("state");
  }

  #send(lane: Lane): void {
    const writer = this.#writers[lane];
    if (writer.count === 0 || !this.#line) return;
    this.#line.send(writer.takeBorrowed(), lane);
    this.#lastFlushUs = this.#env.nowUs();
  }

  #schedule(): void {
    this.#scheduled = true;
    const waitedMs = (this.#env.nowUs() - this.#lastFlushUs) / 1000;
    if (waitedMs < this.#flushMs) {
      this.#stopFlush = this.#env.timer(() => this.flush(), this.#flushMs - waitedMs);
      return;
    }
    const line = this.#line;
    this.#env.afterTurn(() => {
      if (this.#scheduled && this.#line === line) this.flush();
    });
  }
}
