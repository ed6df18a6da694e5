/**
 * Place for a session's state lane: negotiated over the session's own connection, one lane at a time.
 *
 * @module
 */
import type { SignallingMessage } from "../protocol/control.ts";
import type { SessionRecord } from "../hub/session_log.ts";
import type { Tally } from "../hub/tally.ts";
import {
  hasOwnLane,
  type LaneHandlers,
  type LaneNegotiation,
  type LaneSession,
  NO_LANES,
  type StateLane,
} from "../transport/lane.ts";
import type { Traffic } from "../transport/transport.ts";
import type { LaneFacts } from "../transport/way.ts";
import type { Connection } from "./connection.ts";

/** What the place needs of its session. */
export interface LaneSlotParts {
  connection: Pick<Connection<unknown, SignallingMessage>, "context" | "transport" | "send" | "guard">;
  record: SessionRecord;
  tally: Tally;
  /** A lane is open: who uses it? A former one has been closed before. */
  use(lane: StateLane): LaneHandlers;
}

/** A session's state lane, open or yet to be. */
export class LaneSlot {
  #negotiation: LaneNegotiation | undefined;
  #lane: StateLane | undefined;

  constructor(readonly parts: LaneSlotParts) {}

  /** What the open lane has carried. */
  get traffic(): Readonly<Traffic> | undefined {
    return this.#lane?.traffic;
  }

  /** Where the negotiation stands; undefined before the first offer. */
  get facts(): LaneFacts | undefined {
    return this.#negotiation?.facts();
  }

  /** `welcome` is sent: a lane that comes with the connection may be used. */
  begin(): void {
    const { transport } = this.parts.connection;
    if (hasOwnLane(transport)) this.#negotiation = transport.ownLane(this.#session());
  }

  /** A signalling message of the peer's. */
  signal(message: SignallingMessage): void {
    const { connection, record } = this.parts;
    const { lanes } = connection.context;
    if (!this.#negotiation && !lanes) {
      if (message.type === "offer") record.event("webrtc_rejected", { reason: NO_LANES });
      return connection.send({ type: "reject", reason: NO_LANES });
    }
    this.#negotiation ??= lanes?.(this.#session());
    this.#negotiation?.message(message);
  }

  /** The session is over. */
  close(): void {
    this.#negotiation?.close();
  }

  #session(): LaneSession {
    const { connection, record } = this.parts;
    return {
      remote: connection.transport.remote,
      send: (answer) => connection.send(answer),
      opened: (lane) => this.#opened(lane),
      event: (kind, detail) => record.event(kind, detail),
    };
  }

  #opened(lane: StateLane): LaneHandlers {
    const { connection, tally } = this.parts;
    const user = this.parts.use(lane);
    this.#lane = lane;
    return {
      message: (bytes) => connection.guard(() => user.message(bytes)),
      sign: () => user.sign?.(),
      closed: (cause) => {
        tally.retire(lane.traffic);
        if (this.#lane === lane) this.#lane = undefined;
        user.closed(cause);
      },
    };
  }
}
