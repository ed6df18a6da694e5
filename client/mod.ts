/**
 * The SDK of Tidegate, for devices and dashboards, in browsers, Deno, Bun and Node 22 or later. No dependency
 * at run time but the protocol.
 *
 * @module
 */
export { type Backoff, DEFAULT_BACKOFF } from "./backoff.ts";
export { connectDashboard, Dashboard, type DashboardOptions, type Rights } from "./dashboard.ts";
export { connectDevice, Device } from "./device.ts";
export type { DeviceOptions, DeviceStats } from "./device_options.ts";
export type {
  Channel,
  ChannelOptions,
  ChannelStatus,
  EventChannel,
  PublishOptions,
  StateChannel,
  WritableOptions,
  WriteHandler,
  WriteInfo,
} from "./device_channel.ts";
export type { Environment, Fetch, WebSocketConstructor, WebSocketLike } from "./environment.ts";
export type { DataChannelLike, PeerConnectionConstructor, PeerConnectionLike } from "./rtc_types.ts";
export { BufferFullError, ClosedError, DroppedError, RefusedError, UnknownOutcomeError } from "./errors.ts";
export type { OverflowPolicy } from "./event_lane.ts";
export { type ChannelInfo, Sample } from "./sample.ts";
export type { Status, StatusListener } from "./status.ts";
export type { EventStorage, StoredEvent, StoredTopic } from "./storage.ts";
export { type Gap, type SkippedCounts, type SubscribeOptions, Subscription } from "./subscription.ts";
export type {
  ClientTransport,
  ClientTransportHandlers,
  Dial,
  Lane,
  Signalling,
  TransportKind,
} from "./transport.ts";
export { decodeValue, encoderOf, type FieldValue, type Value } from "./value.ts";
export type { WriteResult } from "./writes.ts";
