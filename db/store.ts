/**
 * The database as the main thread sees it: a worker does the writing and another the reading, so nothing here
 * ever blocks the stream. `open.ts` makes one.
 *
 * @module
 */
import type { Role } from "../hub/access.ts";
import type { Recorder, RecordingReader } from "../hub/recording.ts";
import type { SessionLog } from "../hub/session_log.ts";
import type { TopicDescription } from "../hub/topic.ts";

/** Milliseconds since 1970, as `Date.now()` gives them. */
export type EpochMs = number;

/** A token as stored: never the token itself. */
export interface TokenRow {
  id: string;
  /** SHA-256 of the secret, hex. */
  hash: string;
  role: Role;
  device: string | null;
  label: string;
  read: string[];
  write: string[];
  createdAt: EpochMs;
  expiresAt: EpochMs | null;
  revokedAt: EpochMs | null;
  lastUsedAt: EpochMs | null;
}

/** A device that an operator added or approved. */
export interface DeviceRow {
  name: string;
  description: string;
  createdAt: EpochMs;
  lastSeenAt: EpochMs | null;
  revokedAt: EpochMs | null;
}

/** A topic as it was when the gateway last ran. */
export interface TopicRow {
  id: number;
  description: TopicDescription;
  /** Newest recorded value, absent when none is on record. */
  newest?: { epoch: string; offset: number; timeUs: number; payload: Uint8Array };
}

/** A session on record; times in milliseconds since 1970. */
export interface SessionRow {
  id: string;
  number: number;
  epoch: string;
  role: Role;
  device: string | null;
  tokenId: string;
  label: string;
  remote: string;
  transport: string;
  client: string | null;
  startedAt: EpochMs;
  lastSeenAt: EpochMs;
  endedAt: EpochMs | null;
  /** Name of the close code, or `crashed` where the gateway died under it; null while it goes on. */
  endReason: string | null;
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  samplesIn: number;
  samplesOut: number;
  drops: Record<string, number>;
  roundTripUs: number | null;
}

/** One line of a session's story. */
export interface SessionEventRow {
  at: EpochMs;
  kind: string;
  detail: Record<string, unknown>;
}

/** Which sessions to list; all given conditions hold. Newest first. */
export interface SessionFilter {
  device?: string;
  role?: Role;
  transport?: string;
  endReason?: string;
  /** Sessions that were open at any moment from here … */
  fromMs?: EpochMs;
  /** … until here. */
  toMs?: EpochMs;
  /** true: only those still open. */
  open?: boolean;
  /** Start behind this session number (descending). */
  before?: number;
  limit: number;
}

/** How to thin out a series. */
export type Downsampling = "minmax" | "lttb" | "none";

/** Which samples of one topic to read. */
export interface SeriesRequest {
  topic: string;
  fromUs: number;
  toUs: number;
  /** Only samples that this session wrote. */
  session?: number;
  /** At most this many points come back. */
  maxPoints: number;
  downsampling: Downsampling;
  /** Named number of the payload to downsample, as the payload decoder names it; default the first. */
  field?: string;
}

/** Samples of one topic. */
export interface Series {
  topic: string;
  description: TopicDescription;
  /** Samples in the range before thinning. */
  total: number;
  truncated: boolean;
  points: SeriesPoint[];
}

/** One sample read back. */
export interface SeriesPoint {
  epoch: string;
  offset: number;
  timeUs: number;
  /** Decoded payload where the encoding is known: a number, an object of named numbers, text, or JSON. */
  value?: unknown;
  payload: Uint8Array;
}

/** A value that a device should have. */
export interface DesiredRow {
  topic: number;
  offset: number;
  timeUs: number;
  payload: Uint8Array;
  /** Whether the device has confirmed it. */
  confirmed: boolean;
}

/** Up to where a reader that must miss nothing has passed on the events of a topic. */
export interface CursorRow {
  /** Who reads, e.g. one rule of one bridge. */
  reader: string;
  topic: number;
  epoch: string;
  /** Last offset passed on. */
  offset: number;
}

/** The session of an MQTT client that comes back. */
export interface MqttSessionRow {
  /** Token that the client came with, by its id. */
  token: string;
  /** Client identifier. */
  client: string;
  subscriptions: { filter: string; qos: number }[];
  /** Epoch of the run in which the client was last there. */
  epoch: string;
  /** When it was last there. */
  seenAt: EpochMs;
}

/** What the gateway needs to know before it listens. */
export interface BootState {
  /** Random id of this gateway, kept with the database. */
  gateway: string;
  /** Epoch of this run: `<gateway>.<start number>`. */
  epoch: string;
  tokens: TokenRow[];
  devices: DeviceRow[];
  topics: TopicRow[];
  desired: DesiredRow[];
  cursors: CursorRow[];
  mqttSessions: MqttSessionRow[];
  /** Sessions of an earlier run that were closed as crashed just now. */
  crashedSessions: number;
}

/** Size and health of the database. */
export interface StoreStatus {
  /** Size of the files. */
  bytes: number;
  /** Room left on the disk. */
  freeBytes: number;
  /** Commits that are not regrouped by topic yet. */
  chunks: number;
  /** Samples on record. */
  samples: number;
  /** Oldest recorded sample in microseconds, or null. */
  oldestUs: number | null;
  /** Bytes waiting for the writer. */
  queuedBytes: number;
  /** Samples that retention removed, ever. */
  removedSamples: number;
  /** Samples not recorded, by reason. */
  drops: Record<string, number>;
  /** Why nothing is recorded, or null. */
  error: string | null;
  /** Attempts to tidy up that the disk refused in this run. */
  tidyingRefused: number;
  /** Why tidying up does not get on, or null; the recording goes on meanwhile. */
  tidyingError: string | null;
}

/** The open database. */
export interface Store {
  readonly boot: BootState;
  /** Resolves when a worker has died: nothing more is recorded or read until the program is started again. */
  readonly failed: Promise<Error>;
  readonly recorder: Recorder;
  readonly reader: RecordingReader;
  readonly sessionLog: SessionLog;
  putToken(row: TokenRow): Promise<void>;
  putDevice(row: DeviceRow): Promise<void>;
  putDesired(row: DesiredRow): void;
  /** Puts a cursor on the way to disk; after a crash it may stand where it stood a moment before. */
  putCursor(row: CursorRow): void;
  /** Resolves when the session, and all cursors that were put before, are on disk. */
  putMqttSession(row: MqttSessionRow): Promise<void>;
  /** Removes a session and the cursors of `reader`. */
  dropMqttSession(row: Pick<MqttSessionRow, "token" | "client">, reader: string): Promise<void>;
  sessions(filter: SessionFilter): Promise<SessionRow[]>;
  session(id: string): Promise<SessionRow | undefined>;
  sessionEvents(id: string): Promise<SessionEventRow[]>;
  /** Topics that have samples of this session on record. */
  sessionTopics(id: string): Promise<{ topic: string; samples: number; firstUs: number; lastUs: number }[]>;
  series(request: SeriesRequest): Promise<Series>;
  status(): Promise<StoreStatus>;
  /** Regroups, merges and trims at once what else is done in the background: for tests and `doctor`. */
  maintain(nowMs?: EpochMs): Promise<void>;
  /** Commits everything and closes. */
  close(): Promise<void>;
}
