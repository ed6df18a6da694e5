/**
 * What every dashboard session shares.
 *
 * @module
 */
import type { FeedRegistry } from "../hub/feed.ts";
import type { RecordingReader } from "../hub/recording.ts";
import type { Resumption } from "../hub/resumption.ts";
import type { TopicWriter } from "../hub/writing.ts";
import type { SessionContext } from "../sessions/context.ts";
import type { Parked } from "../sessions/lasting.ts";
import type { DashboardDirectory } from "./directory.ts";

/** What outlives a dashboard's broken connection, beside its record. */
export interface ResumableDashboard {
  tokenId: string;
}

/** Shared parts of all dashboard sessions. */
export interface DashboardContext extends SessionContext {
  feeds: FeedRegistry;
  reader: RecordingReader;
  resumption: Resumption<Parked<ResumableDashboard>>;
  directory: DashboardDirectory;
  writer: TopicWriter;
}
