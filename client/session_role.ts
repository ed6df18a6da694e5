/**
 * What makes a session a device's or a dashboard's: the interface at which a session and its role meet.
 *
 * @module
 */
import type { ToDashboard, ToDevice, Welcome } from "../protocol/control.ts";
import type { RawLane } from "../protocol/state_lane.ts";
import type { Backoff } from "./backoff.ts";
import type { Environment } from "./environment.ts";
import type { ClosedError } from "./errors.ts";
import type { LaneListener } from "./lane_dialer.ts";
import type { ClientTransport, Dial } from "./transport.ts";

/** Messages that mean the same to devices and dashboards; the session handles them. */
export type SharedMessage =
  | Extract<ToDevice, { type: Extract<ToDevice["type"], ToDashboard["type"]> }>
  | Extract<ToDevice, { type: "enrolment" | "enrolled" }>;

/** What makes a session a device's or a dashboard's. */
export interface SessionRole {
  /** Properties of `hello` beside type, protocol and resume. */
  hello(): Record<string, unknown>;
  /** The session is open: the transport takes messages. */
  opened(welcome: Welcome, transport: ClientTransport): void;
  /**
   * A text message: reads it, passes over what it does not know, and hands what is not the role's own to the
   * session's `shared`.
   */
  text(text: string): void;
  binary(bytes: Uint8Array): void;
  /**
   * A clock exchange is about to be sent. Its answer confirms everything sent before: what is gathered should
   * go now.
   */
  beforeExchange?(): void;
  /** The ping with this number was answered. */
  pong?(id: number): void;
  /** A state lane is open beside the connection. */
  laneOpened(lane: RawLane): LaneListener;
  /** The connection is gone; `opened` follows if another comes. */
  lost(): void;
  /** No other connection comes. */
  closed(error: ClosedError): void;
  /** The enrolment went through; later connections present `token`. */
  enrolled?(device: string, token: string): void;
}

/** How a session behaves. */
export interface SessionOptions {
  env: Environment;
  /** Starts a connection that presents this token, or the one given to `connect` when undefined. */
  dial(enrolledToken: string | undefined): Dial;
  backoff: Backoff;
}
