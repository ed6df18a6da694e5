/**
 * What every session that speaks the protocol needs, device or dashboard.
 *
 * @module
 */
import type { AnnouncedLimits, Welcome } from "../protocol/control.ts";
import type { Authorizer } from "../hub/access.ts";
import type { Clock } from "../hub/clock.ts";
import type { Counters } from "../hub/counters.ts";
import type { Hub } from "../hub/hub.ts";
import type { EndableSession, SessionLog } from "../hub/session_log.ts";
import type { NegotiateLanes } from "../transport/lane.ts";
import type { Liveness } from "../transport/liveness.ts";

/** Shared parts of all sessions. */
export interface SessionContext {
  hub: Hub;
  clock: Clock;
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
  /** Says what went wrong on our side; never a peer's fault. */
  fault(where: string, error: unknown): void;
}
