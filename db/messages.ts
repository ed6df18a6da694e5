/**
 * What the main thread asks of the writer and of the reader.
 *
 * @module
 */
import type { ReplayItem, ReplayRequest } from "../hub/recording.ts";
import type { SessionStart, SessionTotals } from "../hub/session_log.ts";
import type { TopicDescription } from "../hub/topic.ts";
import type { Chore } from "./setbacks.ts";
import type {
  BootState,
  CursorRow,
  DesiredRow,
  DeviceRow,
  EpochMs,
  MqttSessionRow,
  Series,
  SeriesRequest,
  SessionEventRow,
  SessionFilter,
  SessionRow,
  TokenRow,
} from "./store.ts";

/** Events kept of one session's story; a session that flaps for months must not fill the disk. */
export const MAX_EVENTS_PER_SESSION = 1_000;

/** What the writer keeps the recording within. */
export interface StoreLimits {
  /** The file is kept within this many bytes by removing the oldest samples; 0 = no limit. */
  maxBytes: number;
  /** Samples and closed sessions older than this are removed; 0 = no limit. */
  maxAgeMs: number;
  /** Bytes of committed samples that are regrouped by topic in one go. */
  compactBytes: number;
  /** `full` waits for the disk at each commit, so that even a power cut loses no acknowledged event. */
  synchronous: "normal" | "full";
}

/** A change to a row, applied in the order given. */
export type Change =
  | { kind: "topic"; id: number; description: TopicDescription }
  | { kind: "session"; row: SessionRow }
  | { kind: "describe"; session: number; change: Partial<SessionStart> }
  | { kind: "totals"; session: number; at: EpochMs; totals: SessionTotals }
  | { kind: "session_event"; session: number; row: SessionEventRow }
  | { kind: "close"; session: number; at: EpochMs; reason: string; totals: SessionTotals }
  | { kind: "token"; row: TokenRow }
  | { kind: "device"; row: DeviceRow }
  | { kind: "desired"; row: DesiredRow }
  | { kind: "cursor"; row: CursorRow }
  | { kind: "mqtt_session"; row: MqttSessionRow }
  | { kind: "mqtt_session_over"; token: string; client: string; reader: string };

/** A filled chunk buffer on its way to disk. */
export interface FilledChunk {
  buffer: ArrayBuffer;
  length: number;
  samples: number;
  events: number;
  minUs: number;
  maxUs: number;
}

/** Last committed sequence of a producer. */
export interface ProducerPosition {
  topic: number;
  producer: string;
  sequence: number;
}

/** What opening yields beside {@link BootState}. */
export interface Opened {
  boot: BootState;
  producers: ProducerPosition[];
  nextSession: number;
}

/** What the writer knows of the file. */
export interface WriterStatus {
  bytes: number;
  freeBytes: number;
  chunks: number;
  samples: number;
  oldestUs: number | null;
  removedSamples: number;
  error: string | null;
  tidyingRefused: number;
  tidyingError: string | null;
}

/** What the writer says unasked. */
export type WriterNotice =
  /** Commits fail, for another reason than before, or go on. */
  | { kind: "error"; error: string | null }
  /** A chore of tidying was refused, or is done again; commits go on. */
  | { kind: "setback"; chore: Chore; error: string | null }
  /** The write-ahead log has grown by a good deal. */
  | { kind: "grown" };

/** Calls to the writer. */
export type WriterMethods = {
  open: { argument: { dir: string; limits: StoreLimits; nowMs?: EpochMs }; result: Opened };
  /** Commits in one transaction; waits while the disk refuses. Gives the chunk's buffer back. */
  commit: { argument: { changes: Change[]; chunk?: FilledChunk }; result: { buffer?: ArrayBuffer } };
  status: { argument: null; result: WriterStatus };
  /** Compacts and trims until nothing is left to do. */
  maintain: { argument: { nowMs: EpochMs }; result: null };
  close: { argument: null; result: null };
};

/** A page of a replay; `done` when nothing follows. */
export interface ReplayPage {
  items: ReplayItem[];
  done: boolean;
}

/** Calls to the reader. */
export type ReaderMethods = {
  open: { argument: { dir: string; epoch: string }; result: null };
  replayOpen: { argument: ReplayRequest; result: number };
  replayNext: { argument: number; result: ReplayPage };
  replayClose: { argument: number; result: null };
  series: { argument: SeriesRequest; result: Series };
  sessions: { argument: SessionFilter; result: SessionRow[] };
  session: { argument: string; result: SessionRow | null };
  sessionEvents: { argument: string; result: SessionEventRow[] };
  sessionTopics: {
    argument: string;
    result: { topic: string; samples: number; firstUs: number; lastUs: number }[];
  };
  /** Carries the write-ahead log over to the file. */
  checkpoint: { argument: null; result: null };
  close: { argument: null; result: null };
};
