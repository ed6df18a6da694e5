/**
 * How a device connects, and what it counts.
 *
 * @module
 */
import type { Backoff } from "./backoff.ts";
import type { Environment } from "./environment.ts";
import type { OverflowPolicy } from "./event_lane.ts";
import type { EventStorage } from "./storage.ts";
import type { Dial, Signalling } from "./transport.ts";

/** How a device connects. */
export interface DeviceOptions {
  /** The gateway: `https://host:port`. In a page it defaults to the gateway that served the page. */
  url?: string | URL;
  /** Without one the device can only ask to be enrolled. */
  token?: string;
  /** Name and version of the program, for the gateway's record. */
  client?: string;
  /**
   * Names the sequence space of the events. Default: a fresh one for each run, or the one in `storage`. Two
   * devices, or two running programs, must never share one.
   */
  producer?: string;
  /** Keeps unconfirmed events beyond the end of the program. Default: in memory only. */
  storage?: EventStorage;
  /** Asks to be enrolled under this name; `onEnrolled` is given the token. */
  enrol?: { device: string; description?: string };
  onEnrolled?: (device: string, token: string) => void;
  /** Longest time that a sample waits for company in a batch, in milliseconds; 0 sends each at once. Default 5. */
  flushMs?: number;
  /** Bytes of events to hold at most while they are not confirmed. Default 8 MiB. */
  bufferBytes?: number;
  /** What happens to an event that does not fit: `reject` (default), or `drop-oldest` (not with storage). */
  overflow?: OverflowPolicy;
  backoff?: Partial<Backoff>;
  /** The gateway complained, or a handler of a desired value failed. */
  onError?: (error: Error) => void;
  environment?: Partial<Environment>;
  /**
   * `http`: no WebSocket at all, for networks that let none through; the session takes place on WebRTC data channels,
   * set up by HTTP requests. Default `websocket`.
   */
  signalling?: Signalling;
  /** Another way to the gateway than these. */
  dial?: Dial;
}

/** What a device has done and not done. */
export interface DeviceStats {
  /** Events that wait to be confirmed. */
  pendingEvents: number;
  pendingBytes: number;
  /** Events refused or dropped for lack of room. */
  overflowedEvents: number;
  /** State samples replaced by newer ones before they were sent. */
  conflatedSamples: number;
}
