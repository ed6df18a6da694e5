/**
 * What every device session shares.
 *
 * @module
 */
import type { AnnouncedLimits, Welcome } from "../protocol/control.ts";
import type { Authorizer, Principal } from "../hub/access.ts";
import type { Clock } from "../hub/clock.ts";
import type { Counters } from "../hub/counters.ts";
import type { Hub } from "../hub/hub.ts";
import type { Recorder } from "../hub/recording.ts";
import type { Resumption } from "../hub/resumption.ts";
import type { EndableSession, SessionLog } from "../hub/session_log.ts";
import type { NegotiateLanes } from "../transport/lane.ts";
import type { Liveness } from "../transport/liveness.ts";
import type { DeviceDirectory } from "./directory.ts";
import type { Downlink } from "./downlink.ts";
import type { ResumableDevice } from "./session.ts";

/** An enrolment that waits for an operator. */
export interface EnrolmentTicket {
  /** Shown to the device and to the operator, so that both know which request it is. */
  code: string;
  /** The new token and its principal; rejects with the reason when an operator turns it down or nobody answers. */
  decided: Promise<{ token: string; principal: Principal }>;
  /** The device is gone: the request is withdrawn. */
  withdraw(): void;
}

/** Takes requests of devices that have no token. */
export interface EnrolmentDesk {
  /** @throws when too many requests wait, or the name is taken or not valid. */
  request(request: { device: string; description?: string; remote: string }): EnrolmentTicket;
}

/** Shared parts of all device sessions. */
export interface DeviceContext {
  hub: Hub;
  clock: Clock;
  recorder: Recorder;
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
  resumption: Resumption<ResumableDevice>;
  directory: DeviceDirectory;
  downlink: Downlink;
  enrolment?: EnrolmentDesk;
  /** Says what went wrong on our side; never a peer's fault. */
  fault(where: string, error: unknown): void;
}
