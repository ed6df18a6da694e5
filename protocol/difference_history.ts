/**
 * What the sender of differences knows of one channel: the values that the receiver was told to keep, and whether
 * differences have paid.
 *
 * @module
 */
import { KEPT_VALUES } from "./limits.ts";

/** Shorter values are sent whole: there is too little to gain beside a record's header. */
const MIN_BYTES = 64;

/** How many bytes of a value of this length a difference could spare at best. */
export function worth(length: number): number {
  return length < MIN_BYTES ? 0 : length;
}

/** After a difference that did not pay, this many samples of the channel go out without a try; twice as many each time. */
const FIRST_REST = 2;
const MAX_REST = 64;

/** A value that the receiver was told to keep. */
export interface MarkedValue {
  /** Number of the message that carried it. */
  message: number;
  bytes: Uint8Array;
  /** What was marked on the lane before it, in bytes. */
  before: number;
  fate: "under way" | "confirmed" | "lost";
}

/** What is known of one channel's differences. */
export class SlotHistory {
  /** The last {@link KEPT_VALUES} that were marked, the oldest first. */
  readonly marked: MarkedValue[] = [];
  /** Samples that go out before another difference is tried. */
  rest = 0;
  #nextRest = FIRST_REST;
  /** Differences lost since something of the channel was confirmed. */
  lost = 0;
  /** Message of the last difference. */
  difference = 0;

  /** The newest confirmed value. */
  get confirmed(): MarkedValue | undefined {
    return this.marked.findLast(({ fate }) => fate === "confirmed");
  }

  /** Whether another value may be marked: the one that it displaces is none that is or may become the baseline. */
  get free(): boolean {
    const [oldest] = this.marked;
    if (!oldest || this.marked.length < KEPT_VALUES) return true;
    if (oldest.fate === "under way") return false;
    return oldest !== this.confirmed || !this.marked.some(({ fate }) => fate === "under way");
  }

  /** A message that carried a value of the channel is confirmed. */
  arrived(message: number): void {
    this.lost = 0;
    const one = this.marked.find((value) => value.message === message);
    if (one) one.fate = "confirmed";
  }

  /** A message that carried a value of the channel is taken for lost. */
  missed(message: number): void {
    if (this.difference === message) this.lost++;
    const one = this.marked.find((value) => value.message === message);
    if (one?.fate === "under way") one.fate = "lost";
  }

  /** A difference has paid. */
  paid(message: number): void {
    this.difference = message;
    this.#nextRest = FIRST_REST;
  }

  /** A difference did not pay: the channel rests, and begins anew after that. */
  giveUp(): void {
    this.marked.length = 0;
    this.rest = this.#nextRest;
    this.#nextRest = Math.min(MAX_REST, 2 * this.#nextRest);
  }
}
