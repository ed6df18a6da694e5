/**
 * Events as they leave for a broker, and those that never will.
 *
 * @module
 */
import type { Topic } from "../../hub/topic.ts";

/** An event ready to go out; `bytes[start, end)` is lent. */
export interface OutgoingEvent {
  topic: Topic;
  epoch: string;
  offset: number;
  timeUs: number;
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** Events that will never be sent. */
export interface LostEvents {
  topic: string;
  epoch: string;
  from: number;
  to: number;
  /** Why: removed by the recording's limits, lost before they were recorded, or older than the spool may be. */
  reason: string;
}
