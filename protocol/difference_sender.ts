/**
 * The sending end of differences on the state lane: what takes a value's place in a message, and which values the
 * receiver has been told to keep for that.
 *
 * In a batch with {@link FLAG_DIFFERENCES} each payload begins with a varint: bit 0 says "keep this value", the
 * rest for how many messages back the baseline was sent, 0 for none. Then comes the whole value, or its difference
 * to the value of that channel in that message.
 *
 * The receiver keeps, of what it was told to and has received, at least the newest {@link KEPT_VALUES} of each channel
 * and as many bytes of all as it has said. We keep the same of what we have marked, received or not, and name only
 * those that are confirmed and are still among them: so the receiver has them.
 *
 * @module
 */
import { writeDifference } from "./difference.ts";
import { type MarkedValue, SlotHistory, worth } from "./difference_history.ts";
import { BASELINE_BYTES, KEPT_OVERHEAD_BYTES, KEPT_VALUES, MAX_STATE_PAYLOAD_BYTES } from "./limits.ts";
import type { StateSlot } from "./state_stream.ts";
import { MAX_VARINT_BYTES, writeVarint } from "./varint.ts";

/** A difference is sent where it comes to at most this share of the value. */
const PAYS_BELOW = 0.75;

/** After so many differences in a row whose messages were lost the value goes out whole, in case its baseline is not there. */
const MAX_LOST = 2;

const GONE = new Uint8Array(0);

/** Makes the payloads of one lane's batches with differences. */
export class DifferenceSender {
  /** Differences sent, and the bytes that they were shorter than their values. */
  sent = 0;
  savedBytes = 0;
  /** Bytes that the receiver keeps. */
  readonly #keptBytes: number;
  readonly #payload = new Uint8Array(MAX_VARINT_BYTES + MAX_STATE_PAYLOAD_BYTES);
  /** All values that the receiver may still keep, in the order in which they were sent. */
  readonly #marked = new Set<MarkedValue>();
  #markedBytes = 0;
  /** What {@link payload} has decided. */
  #mark = false;
  #differs = false;
  #pays = true;
  #length = 0;

  /** @param keptBytes What the receiver keeps, in bytes. */
  constructor(keptBytes: number) {
    this.#keptBytes = Math.min(keptBytes, BASELINE_BYTES);
  }

  /** Bytes of the values that are held here. */
  get heldBytes(): number {
    let bytes = 0;
    for (const { bytes: { length } } of this.#marked) bytes += length;
    return bytes;
  }

  /** What stands for the slot's value in a message of this number, borrowed until the next call. */
  payload(slot: StateSlot, message: number): Uint8Array {
    const history = slot.history ??= new SlotHistory();
    const { bytes, length } = slot;
    const tries = worth(length) > 0 && history.rest === 0;
    this.#mark = tries && history.free;
    this.#pays = true;
    const base = tries && history.lost < MAX_LOST ? history.confirmed : undefined;
    const end = base?.bytes.length === length ? this.#difference(base, slot, message) : undefined;
    this.#differs = end !== undefined;
    if (end !== undefined) return this.#lend(end);
    this.#payload[0] = this.#mark ? 1 : 0;
    this.#payload.set(bytes.subarray(0, length), 1);
    return this.#lend(1 + length);
  }

  /** What {@link payload} returned last is in that message. */
  taken(slot: StateSlot, message: number): void {
    const { history } = slot;
    if (!history) return;
    if (this.#differs) {
      this.sent++;
      this.savedBytes += slot.length - this.#length;
      history.paid(message);
    } else if (history.rest > 0) history.rest--;
    if (!this.#pays) {
      for (const one of history.marked) this.#forget(one);
      history.giveUp();
    } else if (this.#mark) this.#keep(history, slot, message);
  }

  #difference(base: MarkedValue, slot: StateSlot, message: number): number | undefined {
    const { length, bytes } = slot;
    const start = writeVarint(this.#payload, 0, 2 * (message - base.message) + (this.#mark ? 1 : 0));
    const most = Math.floor(length * PAYS_BELOW);
    const end = writeDifference(this.#payload, start, most, base.bytes, bytes, length);
    this.#pays = end !== undefined;
    if (!this.#pays) this.#mark = false;
    return end;
  }

  #lend(length: number): Uint8Array {
    this.#length = length;
    return this.#payload.subarray(0, length);
  }

  #keep(history: SlotHistory, { bytes, length }: StateSlot, message: number): void {
    const displaced = history.marked.length < KEPT_VALUES ? undefined : history.marked.shift();
    const room = displaced?.bytes.length === length ? displaced.bytes : new Uint8Array(length);
    if (displaced) this.#forget(displaced);
    room.set(bytes.subarray(0, length));
    const one: MarkedValue = { message, bytes: room, before: this.#markedBytes, fate: "under way" };
    this.#markedBytes += length + KEPT_OVERHEAD_BYTES;
    history.marked.push(one);
    this.#marked.add(one);
    for (const old of this.#marked) {
      if (this.#markedBytes - old.before <= this.#keptBytes) break;
      this.#forget(old);
    }
  }

  /** The receiver need not have it any more, or it is of no use. */
  #forget(one: MarkedValue): void {
    this.#marked.delete(one);
    one.bytes = GONE;
    one.fate = "lost";
  }
}
