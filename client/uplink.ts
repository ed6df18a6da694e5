/**
 * What goes from a device to the gateway: samples gathered into batches, one for each lane, flushed at once
 * after silence and at most every few milliseconds under load.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import type { Environment } from "./environment.ts";
import type { ClientTransport, Lane } from "./transport.ts";

/** A batch of this size goes out without waiting for more. */
const FULL_BATCH_BYTES = 16_384;

/** With more than this waiting in the socket the link is slower than the source: about half a second of a 1 Mbit/s link. */
const HIGH_WATER_BYTES = 65_536;

/** Below this the link is free again. */
const LOW_WATER_BYTES = 16_384;

/** How often to look whether the socket has drained, in milliseconds: there is no event for it. */
const DRAIN_POLL_MS = 10;

/** Batches samples onto a transport. */
export class Uplink {
  /** Whether the link takes more without a queue building up; false without a link. */
  get free(): boolean {
    return this.#transport !== undefined && !this.#congested;
  }

  get attached(): boolean {
    return this.#transport !== undefined;
  }

  #transport: ClientTransport | undefined;
  #writers: Record<Lane, BatchWriter> = {
    control: new BatchWriter({ maxBytes: 0 }),
    state: new BatchWriter({ maxBytes: 0 }),
  };
  #congested = false;
  #scheduled = false;
  #lastFlushUs = 0;
  #stopFlush: () => void = () => {};
  #stopDrain: () => void = () => {};

  /**
   * @param flushMs Longest time a sample waits for company; 0 sends each at once.
   * @param drained Called when a congested link is free again.
   */
  readonly #env: Environment;
  readonly #flushMs: number;
  readonly #drained: () => void;

  constructor(
    env: Environment,
    flushMs: number,
    drained: () => void,
  ) {
    this.#env = env;
    this.#flushMs = flushMs;
    this.#drained = drained;
  }

  /** A connection is there. */
  attach(transport: ClientTransport, maxMessageBytes: number): void {
    this.detach();
    this.#transport = transport;
    this.#writers = {
      control: new BatchWriter({ maxBytes: maxMessageBytes }),
      state: new BatchWriter({ maxBytes: maxMessageBytes }),
    };
  }

  /** The connection is gone; what was not flushed is dropped: events come again, state is superseded. */
  detach(): void {
    this.#stopFlush();
    this.#stopDrain();
    this.#transport = undefined;
    this.#congested = false;
    this.#scheduled = false;
  }

  /** Adds a sample; the payload is copied. The caller has made sure that there is a link and that the payload is within the limit. */
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
    if (this.#flushMs === 0) this.flush();
    else if (writer.length >= FULL_BATCH_BYTES) this.#send(lane);
    else if (!this.#scheduled) this.#schedule();
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
    const transport = this.#transport;
    if (writer.count === 0 || !transport) return;
    transport.send(writer.takeBorrowed(), lane);
    this.#lastFlushUs = this.#env.nowUs();
    if (!this.#congested && transport.bufferedBytes > HIGH_WATER_BYTES) {
      this.#congested = true;
      this.#pollDrain();
    }
  }

  #schedule(): void {
    this.#scheduled = true;
    const waitedMs = (this.#env.nowUs() - this.#lastFlushUs) / 1000;
    if (waitedMs < this.#flushMs) {
      this.#stopFlush = this.#env.timer(() => this.flush(), this.#flushMs - waitedMs);
      return;
    }
    const transport = this.#transport;
    this.#env.afterTurn(() => {
      if (this.#scheduled && this.#transport === transport) this.flush();
    });
  }

  #pollDrain(): void {
    this.#stopDrain = this.#env.timer(() => {
      if (!this.#transport) return;
      if (this.#transport.bufferedBytes > LOW_WATER_BYTES) return this.#pollDrain();
      this.#congested = false;
      this.#drained();
    }, DRAIN_POLL_MS);
  }
}
