/**
 * The record of sessions, as those who have sessions see it. The database implements it.
 *
 * @module
 */
import type { CloseCode } from "../protocol/close_codes.ts";
import type { SessionWay } from "../transport/way.ts";
import type { Role } from "./access.ts";

/** What is known when a session begins. */
export interface SessionStart {
  role: Role;
  /** Device name, for devices. */
  device?: string;
  tokenId: string;
  label: string;
  /** Address of the peer. */
  remote: string;
  transport: string;
  /** `hello.client`, where the peer said it. */
  client?: string;
}

/** Running totals of a session. */
export interface SessionTotals {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  samplesIn: number;
  samplesOut: number;
  /** Samples dropped or skipped, by reason. */
  drops: Record<string, number>;
  /** Last measured round trip in microseconds. */
  roundTripUs?: number;
}

/** The open record of one session. */
export interface SessionRecord {
  /** Public id: random, sortable by start. */
  readonly id: string;
  /** Number that recorded samples carry. */
  readonly number: number;
  /** Adds an event to the session's story, e.g. `moved` with its cause. */
  event(kind: string, detail?: Record<string, unknown>): void;
  /** Changes what was known at the start: the client's name, the transport. */
  describe(change: Partial<SessionStart>): void;
  /** Puts the totals on record. */
  totals(totals: SessionTotals): void;
  /** Ends the record: a close code's name, with the final totals. */
  close(reason: string, totals: SessionTotals): void;
}

/** Opens session records. */
export interface SessionLog {
  open(start: SessionStart): SessionRecord;
}

/** A session that the gateway can end. */
export interface EndableSession {
  end(close: CloseCode, reason: string): void;
  /** How it is connected; undefined before it is open. */
  way(): SessionWay | undefined;
}
