/**
 * What every dashboard session shares.
 *
 * @module
 */
import type { AnnouncedLimits, Welcome } from "../protocol/control.ts";
import type { Authorizer } from "../hub/access.ts";
import type { Clock } from "../hub/clock.ts";
import type { Counters } from "../hub/counters.ts";
import type { FeedRegistry } from "../hub/feed.ts";
import type { Hub } from "../hub/hub.ts";
import type { RecordingReader } from "../hub/recording.ts";
import type { Resumption } from "../hub/resumption.ts";
import type { EndableSession, SessionLog, SessionRecord } from "../hub/session_log.ts";
import type { Tally } from "../hub/tally.ts";
import type { TopicWriter } from "../hub/writing.ts";
import type { NegotiateLanes } from "../transport/lane.ts";
import type { Liveness } from "../transport/liveness.ts";
import type { DashboardDirectory } from "./directory.ts";

/** What outlives a broken connection. */
export interface ResumableDashboard {
  tokenId: string;
  record: SessionRecord;
  tally: Tally;
  /** Why the connection ended; the session's end reason if nobody comes back. */
  reason: string;
}

/** Shared parts of all dashboard sessions. */
export interface DashboardContext {
  hub: Hub;
  feeds: FeedRegistry;
  clock: Clock;
  reader: RecordingReader;
  sessionLog: SessionLog;
  /** All sessions that are open; each adds itself and takes itself out. */
  open: Set<EndableSession>;
  authorizer: Authorizer;
  counters: Counters;
  liveness: Liveness;
  limits: AnnouncedLimits;
  /** Milliseconds that a new connection has for its `hello`. */
  helloTimeoutMs: number;
  gateway: string;
  /** STUN and TURN servers for a peer, credentials made anew each time. */
  iceServers?: (peer: string) => Welcome["iceServers"];
  /** Sets state lanes up; without it peers' offers are rejected. */
  lanes?: NegotiateLanes;
  resumption: Resumption<ResumableDashboard>;
  directory: DashboardDirectory;
  writer: TopicWriter;
  /** Says what went wrong on our side; never a peer's fault. */
  fault(where: string, error: unknown): void;
}
