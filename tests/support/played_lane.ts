/**
 * A state lane in memory: the test plays the peer, and what the network does to each packet.
 *
 * @module
 */
import { BatchReader } from "../../protocol/batch.ts";
import { type RawLane, StateInlet } from "../../protocol/state_lane.ts";
import type {
  LaneHandlers,
  LaneNegotiation,
  LaneSession,
  NegotiateLanes,
  StateLane,
} from "../../transport/lane.ts";
import type { SteppedTimers } from "./world.ts";

/** What becomes of the next packet, either way: milliseconds to its arrival, twice for a repeat, none for a loss. */
export type Fates = () => readonly number[];

/** The gateway's end of a lane, with the peer's end behind it. */
export class PlayedLane implements StateLane {
  readonly traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0 };
  bufferedBytes = 0;
  open = true;
  /** No packet arrives while true. */
  cut = false;
  handlers!: LaneHandlers;
  readonly #inlet: StateInlet;

  /**
   * @param place What the peer does with a batch; false when it cannot place it.
   * @param keptBytes What the peer keeps for differences.
   */
  constructor(
    readonly timers: SteppedTimers,
    readonly fates: Fates,
    place: (batch: Uint8Array) => boolean,
    keptBytes = 0,
  ) {
    const back: RawLane = {
      bufferedBytes: 0,
      send: (bytes) => this.#carry(bytes, (copy) => this.handlers.message(copy)),
    };
    this.#inlet = new StateInlet(back, timers, place, keptBytes);
  }

  send(message: Uint8Array): boolean {
    if (!this.open) return false;
    this.traffic.framesOut++;
    this.traffic.bytesOut += message.length;
    this.#carry(message, (copy) => this.#inlet.message(copy));
    return true;
  }

  close(cause: string): void {
    if (!this.open) return;
    this.open = false;
    this.#inlet.close();
    this.handlers.closed(cause);
  }

  #carry(bytes: Uint8Array, arrive: (copy: Uint8Array) => void): void {
    const copy = bytes.slice();
    for (const ms of this.fates()) {
      this.timers.later(() => {
        if (this.open && !this.cut) arrive(copy);
      }, ms);
    }
  }
}

/** Opens a played lane for whoever offers. */
export function playedLanes(open: (session: LaneSession) => PlayedLane): NegotiateLanes {
  return (session): LaneNegotiation => {
    let lane: PlayedLane | undefined;
    return {
      message(message) {
        if (message.type !== "offer") return;
        lane?.close("a new offer");
        lane = open(session);
        lane.handlers = session.opened(lane);
      },
      facts: () => undefined,
      close: () => lane?.close("the session is over"),
    };
  };
}

/** The samples of a batch frame: feed, channel and offset. */
export function samplesOf(batch: Uint8Array): { feed: number; channel: number; offset: number }[] {
  const reader = new BatchReader();
  reader.open(batch);
  const samples = [];
  while (reader.next()) samples.push({ feed: reader.feed, channel: reader.channel, offset: reader.sequence });
  return samples;
}
