/**
 * What the HTTP routes need of the gateway.
 *
 * @module
 */
import type { Access } from "../access/access.ts";
import type { Store } from "../db/store.ts";
import type { Principal } from "../hub/access.ts";
import type { NewestValue, TopicDescription } from "../hub/topic.ts";
import type { TopicWriter } from "../hub/writing.ts";
import type { RtcView } from "../rtc/explain.ts";
import type { HttpSignalling } from "../rtc/http_signalling.ts";
import type { Accept } from "../transport/transport.ts";
import type { SessionWay } from "../transport/way.ts";
import type { ChannelAnnouncement, Encoding } from "../protocol/control.ts";

/** A topic as the routes see it; the hub's own `Topic` is one. */
export interface TopicView {
  readonly name: string;
  readonly description: TopicDescription;
  readonly newest: NewestValue | undefined;
  announcement(): ChannelAnnouncement;
}

/** The topics there are; the hub is one. */
export interface TopicSource {
  topics(): Iterable<TopicView>;
  topic(name: string): TopicView | undefined;
}

/** A device that is connected now. */
export interface ConnectedDevice {
  readonly device: string;
  readonly sessionId: string;
  readonly transportKind: string;
  readonly remote: string;
}

/** One value for /metrics. Values of the same name have the same help, type and label names. */
export interface MetricValue {
  /** Prometheus name, such as `tidegate_samples_in_total`. */
  name: string;
  help: string;
  type: "counter" | "gauge";
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/** A file of the page. */
export interface PageAsset {
  readonly contentType: string;
  /** Strong validator with its quotes (RFC 9110 section 8.8.3). */
  readonly etag: string;
  readonly body: string | Uint8Array<ArrayBuffer>;
}

/** The page's files by path; `/` is the page itself. */
export interface Page {
  assets: ReadonlyMap<string, PageAsset>;
  contentSecurityPolicy: string;
}

/** A sample that a device published over HTTP. */
export interface Published {
  offset: number;
  timeUs: number;
}

/** WebRTC sessions that are set up over HTTP. */
export interface RtcSignalling {
  sessions: Pick<HttpSignalling, "offer" | "find">;
  /**
   * How a device or a dashboard comes in; the token's role has been checked. Without a principal it is a device that
   * has no token yet.
   */
  accept(endpoint: "device" | "live", principal: Principal | undefined): Accept;
}

/** Everything behind the routes. */
export interface Services {
  /** Version of this program. */
  version: string;
  /** Id of this gateway and epoch of this run. */
  gateway: string;
  epoch: string;
  /** When this run began, in milliseconds since 1970. */
  startedAtMs: number;
  access: Pick<Access, "tokens" | "devices" | "enrolments" | "gate">;
  store: Pick<Store, "sessions" | "session" | "sessionEvents" | "sessionTopics" | "series" | "status">;
  topics: TopicSource;
  writer: TopicWriter;
  /**
   * Publishes a sample of a device's own; makes the topic known as `state` with this encoding where it is not.
   *
   * @throws {WriteRefused} when the topic cannot take it.
   */
  publish(principal: Principal, topic: string, payload: Uint8Array, encoding: Encoding): Published;
  /** Devices that are connected now. */
  connected(): Iterable<ConnectedDevice>;
  /** Why each open session is on its transport. */
  ways(): Iterable<SessionWay>;
  /** Settings of WebRTC as far as they explain that; null where it is switched off. */
  rtc: RtcView | null;
  /** Counters and gauges of every part, what the gate refused included; no name with the same labels twice. */
  metrics(): Iterable<MetricValue>;
  /** Why the gateway cannot do its work now, a sentence each, without secrets or paths; empty when it can. */
  notReady(): string[];
  /** Signalling over HTTP; absent where WebRTC is switched off. */
  rtcSignalling?: RtcSignalling;
  /** Whether the gateway is reached over TLS: cookies are then `Secure`. */
  secure: boolean;
  /** The live page; without, `/` is not found. */
  page?: Page;
  /** Told of a fault of our own, with the route it happened in. */
  fault(where: string, error: unknown): void;
  /** Clock in milliseconds since 1970; default `Date.now`. */
  now?: () => number;
}
