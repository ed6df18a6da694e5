/**
 * What every device session shares.
 *
 * @module
 */
import type { Principal } from "../hub/access.ts";
import type { FlushScheduler } from "../hub/flush.ts";
import type { Recorder } from "../hub/recording.ts";
import type { Resumption } from "../hub/resumption.ts";
import type { SessionContext } from "../sessions/context.ts";
import type { Parked } from "../sessions/lasting.ts";
import type { DeviceDirectory } from "./directory.ts";
import type { Downlink } from "./downlink.ts";

/** What outlives a device's broken connection, beside its record. */
export interface ResumableDevice {
  device: string;
  producer: string;
}

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
export interface DeviceContext extends SessionContext {
  recorder: Recorder;
  resumption: Resumption<Parked<ResumableDevice>>;
  directory: DeviceDirectory;
  downlink: Downlink;
  /** Told of each message when its samples are published: what waits to leave may go with it. */
  flushes: Pick<FlushScheduler, "arrived">;
  enrolment?: EnrolmentDesk;
}
