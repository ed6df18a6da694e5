/**
 * The two ends of a state lane and a network between them that drops, repeats, delays and reorders, stepped a
 * millisecond at a time.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { BatchReader } from "../../protocol/batch.ts";
import { StateReceiver } from "../../protocol/state_receiver.ts";
import { StateSender } from "../../protocol/state_sender.ts";

/** Feed of the streams that go over it. */
export const FEED = 7;

/** Milliseconds to the arrival of a packet beside the link's own delay, twice for a repeat, none for a loss. */
export type Fate = readonly number[];

const ARRIVES: Fate = [0];

interface Packet {
  atMs: number;
  bytes: Uint8Array;
  /** Whether it goes to the sender. */
  up: boolean;
}

/** A lane whose receiver says what has come. */
export abstract class LaneNetwork {
  ms = 0;
  readonly sender = new StateSender();
  readonly receiver: StateReceiver;
  /** What becomes of packets, by turns; without any, all arrive. */
  fates: readonly Fate[] = [];
  /** Nothing arrives while true. */
  cut = false;
  /** Placing fails while false, as before an announcement. */
  placing = true;
  /** Bytes of each message that the sender has sent. */
  sent: number[] = [];
  #packets: Packet[] = [];
  #turn = 0;

  /** `keptBytes` is what the receiver keeps for differences. */
  constructor(public delayMs: number, keptBytes?: number) {
    this.receiver = new StateReceiver(keptBytes);
  }

  /** A value has been placed. */
  protected abstract arrived(channel: number, offset: number, payload: Uint8Array): void;

  /** Lets so many milliseconds pass. */
  advance(ms: number): void {
    for (const end = this.ms + ms; this.ms < end; this.ms++) this.#step();
  }

  #step(): void {
    const due = this.#packets.filter(({ atMs }) => atMs <= this.ms);
    this.#packets = this.#packets.filter(({ atMs }) => atMs > this.ms);
    for (const { bytes, up } of due) {
      if (up) this.sender.confirmed(bytes, this.ms);
      else this.receiver.receive(bytes, this.ms, (batch) => this.#place(batch));
    }
    const confirmation = this.receiver.confirmation(this.ms);
    if (confirmation) this.#send(confirmation, true);
    this.sender.look(this.ms);
    for (let message = this.sender.next(this.ms); message; message = this.sender.next(this.ms)) {
      this.sent.push(message.length);
      this.#send(message.slice(), false);
    }
  }

  #send(bytes: Uint8Array, up: boolean): void {
    if (this.cut) return;
    const fate = this.fates.length === 0 ? ARRIVES : this.fates[this.#turn++ % this.fates.length]!;
    for (const extraMs of fate) this.#packets.push({ atMs: this.ms + this.delayMs + extraMs, bytes, up });
  }

  #place(batch: Uint8Array): boolean {
    if (!this.placing) return false;
    const reader = new BatchReader();
    reader.open(batch);
    assertEquals(reader.feed, FEED);
    while (reader.next()) {
      const { channel, sequence, start, end } = reader;
      this.arrived(channel, sequence, batch.subarray(start, end));
    }
    return true;
  }
}
