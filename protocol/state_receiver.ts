/**
 * The receiving end of the state lane: which messages have come, and when to say so. Pure: the owner gives it the
 * time and sends what it returns.
 *
 * @module
 */
import { DifferenceReceiver, hasDifferences } from "./difference_receiver.ts";
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
  readonly #differences: DifferenceReceiver | undefined;
  readonly #map = new Uint8Array((CONFIRM_WINDOW - 1) / 8);

  /** @param keptBytes What the sender was told that we keep for its differences; 0 for none. */
  constructor(keptBytes = 0) {
    this.#differences = keptBytes > 0 ? new DifferenceReceiver(keptBytes) : undefined;
  }

  /** What is kept for differences, and how many had no baseline here; undefined where none are taken. */
  get differences(): Readonly<Pick<DifferenceReceiver, "missing" | "heldBytes">> | undefined {
    return this.#differences;
  }

  /**
   * Takes a state frame in.
   *
   * @param place Takes one batch frame of whole values, borrowed; returns false when it has samples that cannot be placed yet,
   * since their channel or feed is still on its way on the control lane. Then the message is not confirmed, and
   * its values come again; as it is when a difference has no baseline here.
   * @throws {ProtocolError} with `bad_frame`, or `limit_exceeded`.
   */
  receive(frame: Uint8Array, nowMs: number, place: (batch: Uint8Array) => boolean): void {
    let placed = true;
    const differences = this.#differences;
    differences?.begin();
    const number = readState(frame, (section, number) => {
      const taken = differences && hasDifferences(section)
        ? differences.unpack(section, number, place)
        : place(section);
      if (!taken) placed = false;
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
