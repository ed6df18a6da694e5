/**
 * The two ends of the state lane with their timers, which the owner brings along: the same code serves the gateway
 * and the SDK, each with its own clock and its own lane.
 *
 * @module
 */
import { FRAME } from "./batch.ts";
import { CLOSE } from "./close_codes.ts";
import { ProtocolError } from "./errors.ts";
import type { LaneMove } from "./lane_health.ts";
import { StateReceiver } from "./state_receiver.ts";
import { StateSender } from "./state_sender.ts";

/**
 * A lane takes more while at most this many bytes wait in it: with more, werift's SCTP spends its time on its queue,
 * and what waits is old by the time it leaves.
 */
export const LANE_FREE_BYTES = 16_384;

/** How often to look whether a full lane has drained, in milliseconds. */
const DRAIN_POLL_MS = 4;

/** The lane as its ends need it. */
export interface RawLane {
  /** Bytes handed to `send` that have not left this process. */
  readonly bufferedBytes: number;
  /** Sends one message, which is borrowed. */
  send(message: Uint8Array): unknown;
  /** So many bytes are let be under way: a congestion control of the transport's own should let them, where that can be said. */
  allow?(bytes: number): void;
}

/** The owner's clock. */
export interface LaneTimers {
  /** Milliseconds of a steady clock. */
  nowMs(): number;
  /** Runs `task` after `ms` milliseconds; the returned function stops that. */
  later(task: () => void, ms: number): () => void;
}

/** One timer that is set again and again. */
class Alarm {
  #atMs = Infinity;
  #stop: () => void = () => {};

  readonly timers: LaneTimers;
  readonly task: () => void;

  constructor(timers: LaneTimers, task: () => void) {
    this.timers = timers;
    this.task = task;
  }

  set(atMs: number): void {
    if (atMs === this.#atMs) return;
    this.clear();
    if (atMs === Infinity) return;
    this.#atMs = atMs;
    this.#stop = this.timers.later(() => {
      this.#atMs = Infinity;
      this.task();
    }, Math.max(0, atMs - this.timers.nowMs()));
  }

  clear(): void {
    this.#stop();
    this.#atMs = Infinity;
  }
}

/** Who uses an outlet. */
export interface OutletOwner {
  /** Samples are to take another way from here on. */
  moved(move: LaneMove): void;
  /** Whether what goes on the lane should go another way too: it is not in use, or confirmations are missing. */
  doubtful(doubtful: boolean): void;
}

/** The sending end: pumps what the sender has onto the lane, and decides when the lane carries. */
export class StateOutlet {
  readonly sender = new StateSender();
  readonly #alarm: Alarm;
  #open = true;
  #doubtful = true;

  readonly lane: RawLane;
  readonly timers: LaneTimers;
  readonly owner: OutletOwner;

  constructor(lane: RawLane, timers: LaneTimers, owner: OutletOwner) {
    this.lane = lane;
    this.timers = timers;
    this.owner = owner;
    this.#alarm = new Alarm(timers, () => this.pump());
    this.pump();
  }

  /** Whether the lane is not to be relied on alone. */
  get doubtful(): boolean {
    return this.#doubtful;
  }

  /** Whether samples go over the lane. */
  get up(): boolean {
    return this.#open && this.sender.health.up;
  }

  /** Sends what there is to send, as far as the lane takes it, and sees to it that it is called again in time. */
  pump(): void {
    if (!this.#open) return;
    const { lane, sender, timers } = this;
    const nowMs = timers.nowMs();
    const move = sender.look(nowMs);
    if (move) this.owner.moved(move);
    const doubtful = !sender.health.up || sender.health.doubtful(nowMs);
    if (doubtful !== this.#doubtful) {
      this.#doubtful = doubtful;
      this.owner.doubtful(doubtful);
    }
    lane.allow?.(sender.flow.bytes);
    while (lane.bufferedBytes <= LANE_FREE_BYTES) {
      const message = sender.next(nowMs);
      if (!message) return this.#alarm.set(Math.max(nowMs + 1, sender.wakeAtMs));
      lane.send(message);
    }
    sender.held(nowMs);
    this.#alarm.set(nowMs + DRAIN_POLL_MS);
  }

  /**
   * A message of the peer's.
   *
   * @throws {ProtocolError} with `bad_frame` when it is not a confirmation.
   */
  message(bytes: Uint8Array): void {
    if (bytes[0] !== FRAME.confirm) throw wrongKind(bytes, "a confirmation");
    this.sender.confirmed(bytes, this.timers.nowMs());
    this.pump();
  }

  /** The peer's network stack has said that something arrived, which is less than a confirmation. */
  sign(): void {
    if (!this.#doubtful || !this.#open) return;
    this.sender.health.sign(this.timers.nowMs());
    this.pump();
  }

  /** The lane is over. */
  close(): void {
    this.#open = false;
    this.#alarm.clear();
  }
}

/** The receiving end: takes samples in and confirms them. */
export class StateInlet {
  readonly #receiver: StateReceiver;
  readonly #alarm: Alarm;
  #open = true;

  readonly lane: RawLane;
  readonly timers: LaneTimers;
  readonly place: (batch: Uint8Array) => boolean;

  /**
   * @param place Takes a batch frame, borrowed; false when it cannot be placed yet.
   * @param keptBytes What the peer was told that we keep for its differences; 0 for none.
   */
  constructor(lane: RawLane, timers: LaneTimers, place: (batch: Uint8Array) => boolean, keptBytes = 0) {
    this.#receiver = new StateReceiver(keptBytes);
    this.lane = lane;
    this.timers = timers;
    this.place = place;
    this.#alarm = new Alarm(timers, () => this.#confirm());
  }

  /**
   * A message of the peer's.
   *
   * @throws {ProtocolError} with `bad_frame` when it is not a state frame, or `limit_exceeded`.
   */
  message(bytes: Uint8Array): void {
    if (bytes[0] !== FRAME.state) throw wrongKind(bytes, "a state frame");
    this.#receiver.receive(bytes, this.timers.nowMs(), this.place);
    this.#confirm();
  }

  /** The lane is over. */
  close(): void {
    this.#open = false;
    this.#alarm.clear();
  }

  #confirm(): void {
    if (!this.#open) return;
    const confirmation = this.#receiver.confirmation(this.timers.nowMs());
    if (confirmation) this.lane.send(confirmation);
    this.#alarm.set(this.#receiver.dueMs);
  }
}

function wrongKind(bytes: Uint8Array, wanted: string): ProtocolError {
  return new ProtocolError(
    CLOSE.badFrame,
    `frame kind ${bytes[0] ?? "(empty message)"} on the state lane is not ${wanted}`,
  );
}
