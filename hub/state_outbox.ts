/**
 * A state lane in use by a gateway's session: what is put into its streams goes out with the next flush.
 *
 * @module
 */
import { type OutletOwner, type RawLane, StateOutlet } from "../protocol/state_lane.ts";
import type { Flushable, FlushScheduler, Sent } from "./flush.ts";

/** Sends the newest values over one lane. */
export class StateOutbox extends StateOutlet implements Flushable {
  #marked = false;

  constructor(lane: RawLane, readonly scheduler: FlushScheduler, owner: OutletOwner) {
    super(lane, scheduler.timers, owner);
  }

  /** Something was put into a stream. */
  mark(): void {
    if (this.#marked) return;
    this.#marked = true;
    this.scheduler.mark(this);
  }

  flush(sent: Sent): void {
    this.#marked = false;
    this.pump();
    sent.messages++;
  }
}
