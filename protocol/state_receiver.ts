/**
 * The receiving end of the state lane: which messages have come, and when to say so. Pure: the owner gives it the
 * time and sends what it returns.
 *
 * @module
 */
import { CONFIRM_WINDOW } from "./limits.ts";
import { encodeConfirmation, readState } from "./state_frame.ts";

/** Confirmations are at least this far apart, in milliseconds: each costs a packet, and each speaks of all before it. */
export const CONFIRM_EVERY_MS = 10;

/** Received numbers that are remembered; a power of two above the window. */
const REMEMBERED = 512;

/** Keeps account of the messages of one lane. */
export class StateReceiver {
  #highest = 0;
  #highestAtMs = 0;
  #confirmedAtMs = -Infinity;
  #pending = false;
  readonly #seen = new Float64Array(REMEMBERED);
  readonly #map = new Uint8Array((CONFIRM_WINDOW - 1) / 8);

  /**
   * Takes a state frame in.
   *
   * @param place Takes one batch frame, borrowed; returns false when it has samples that cannot be placed yet,
   * since their channel or feed is still on its way on the control lane. Then the message is not confirmed, and
   * its values come again.
   * @throws {ProtocolError} with `bad_frame`.
   */
  receive(frame: Uint8Array, nowMs: number, place: (batch: Uint8Array) => boolean): void {
    let placed = true;
    const number = readState(frame, (batch) => {
      if (!place(batch)) placed = false;
    });
    if (!placed || number <= this.#highest - CONFIRM_WINDOW) return;
    this.#seen[number % REMEMBERED] = number;
    this.#pending = true;
    if (number <= this.#highest) return;
    this.#highest = number;
    this.#highestAtMs = nowMs;
  }

  /** When a confirmation is due, in milliseconds of the owner's clock; Infinity while there is nothing to say. */
  get dueMs(): number {
    return this.#pending ? this.#confirmedAtMs + CONFIRM_EVERY_MS : Infinity;
  }

  /** The confirmation, when it is due. */
  confirmation(nowMs: number): Uint8Array<ArrayBuffer> | undefined {
    if (nowMs < this.dueMs) return undefined;
    this.#pending = false;
    this.#confirmedAtMs = nowMs;
    const map = this.#map.fill(0);
    for (let i = 0; i < CONFIRM_WINDOW - 1; i++) {
      const number = this.#highest - 1 - i;
      if (number <= 0) break;
      if (this.#seen[number % REMEMBERED] === number) map[i >> 3]! |= 1 << (i & 7);
    }
    const heldUs = Math.max(0, Math.round((nowMs - this.#highestAtMs) * 1_000));
    return encodeConfirmation({ highest: this.#highest, heldUs, map });
  }
}
