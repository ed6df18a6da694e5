/**
 * What the embedded broker needs of the rest of the gateway. The composition root fills it in.
 *
 * @module
 */
import type { CloseCode } from "../../protocol/close_codes.ts";
import type { Authorizer, Principal } from "../../hub/access.ts";
import type { Clock } from "../../hub/clock.ts";
import type { Counters } from "../../hub/counters.ts";
import type { Hub } from "../../hub/hub.ts";
import type { Recorder, RecordingReader } from "../../hub/recording.ts";
import type { EndableSession, SessionLog } from "../../hub/session_log.ts";
import type { Topic } from "../../hub/topic.ts";
import type { TopicWriter, WriteResult } from "../../hub/writing.ts";
import type { CursorStore } from "../bridge/cursors.ts";
import type { HostedNodeConfig } from "../sparkplug/config.ts";
import type { TopicTree } from "../topics.ts";

/** A connected device, as the directory of devices knows it. */
export interface PresentDevice {
  readonly device: string;
  readonly sessionId: string;
  readonly transportKind: string;
  readonly remote: string;
  end(close: CloseCode, reason: string): void;
}

/** The directory of connected devices. */
export interface Presence {
  arrived(device: PresentDevice): void;
  departed(device: PresentDevice, reason: string): void;
}

/** Gets what others write to a topic. */
export interface WriteTarget {
  deliver(topic: Topic, offset: number, timeUs: number, payload: Uint8Array): void;
}

/** The way from those who write to the devices. */
export interface Downlinks extends TopicWriter {
  attach(topic: Topic, target: WriteTarget): void;
  detach(topic: Topic, target: WriteTarget): void;
  confirmed(topic: Topic, offset: number): void;
  answered(topic: Topic, offset: number, result: WriteResult): boolean;
}

/** What came of a client's user name and password. */
export type MqttAdmission =
  | { ok: true; principal: Principal }
  /** `busy`: too many wrong attempts from this address; `wrong`: the user name or the token. */
  | { ok: false; because: "wrong" | "busy"; message: string };

/** A subscription that outlives its connection. */
export interface KeptSubscription {
  filter: string;
  qos: number;
}

/** What is on disk of a session that outlives its connections. */
export interface KeptRow {
  /** Id of the token that its client comes with. */
  token: string;
  /** Client identifier. */
  client: string;
  subscriptions: KeptSubscription[];
  /** Epoch in which the client was last here. */
  epoch: string;
  /** When it was last here, in milliseconds since 1970. */
  seenAt: number;
}

/** Keeps sessions between runs; the database implements it. */
export interface SessionStore extends CursorStore {
  /** Resolves when the session, and all cursors that were put before, are on disk. */
  putMqttSession(row: KeptRow): Promise<void>;
  /** Removes a session and the cursors of `reader`. */
  dropMqttSession(row: Pick<KeptRow, "token" | "client">, reader: string): Promise<void>;
}

/** Parts of the embedded broker. */
export interface BrokerContext {
  hub: Hub;
  clock: Clock;
  counters: Counters;
  recorder: Recorder;
  reader: RecordingReader;
  sessions: SessionStore;
  /** Sessions and cursors of earlier runs. */
  keptSessions: readonly KeptRow[];
  keptCursors: readonly { reader: string; topic: number; epoch: string; offset: number }[];
  /** How long a session is kept whose client stays away, in milliseconds; null for ever. */
  sessionMaxAgeMs: number | null;
  /** Whether a token of an earlier run holds still. */
  isToken(id: string): boolean;
  sessionLog: SessionLog;
  authorizer: Authorizer;
  downlinks: Downlinks;
  presence: Presence;
  /** Sessions that are open; each adds itself and takes itself out. */
  open: Set<EndableSession>;
  tree: TopicTree;
  /** Patterns of topics whose messages at QoS 1 and 2 are events: acknowledged once they are on disk. */
  eventTopics: readonly string[];
  /** Whether Sparkplug's topics go from client to client. */
  sparkplug: boolean;
  /** Devices that are Sparkplug edge nodes whose host application the gateway is. */
  hostedNodes: ReadonlyMap<string, HostedNodeConfig>;
  /** Decides on a client; the token is the password, a device's user name its name. */
  admit(
    client: { id: string; user: string | undefined; password: string | undefined; remote: string },
  ): MqttAdmission;
  /** Notes that a device was seen. */
  seen(device: string): void;
  log(level: "debug" | "info" | "warn", message: string): void;
  fault(where: string, error: unknown): void;
}
