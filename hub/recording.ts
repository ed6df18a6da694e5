/**
 * The recording as its users see it: devices wait for commits, dashboards read the past. The database
 * implements both.
 *
 * @module
 */
import type { Position } from "../protocol/control.ts";
import type { BorrowedSample } from "./sample.ts";
import type { Topic } from "./topic.ts";

/** Takes samples to disk. */
export interface Recorder {
  /** Makes a topic known under its id; called again when its description changes. */
  define(topic: Topic): void;
  /**
   * Copies a state sample into the open chunk.
   *
   * @returns false when the queue to the disk is full: the sample is not recorded, and counted as such.
   */
  state(sample: BorrowedSample): boolean;
  /**
   * Copies an event sample into the open chunk. After it is committed, `EventCommitted` is told, in the order
   * of the calls.
   *
   * @param producer Sequence space, and `sequence` the position in it, by which a retransmission is known.
   * @returns false when the queue to the disk is full: the sender must keep it and send it again.
   */
  event(sample: BorrowedSample, producer: string, sequence: number): boolean;
  /** Last sequence on disk of a producer on a topic; 0 when none. Known without waiting. */
  lastSequence(topic: Topic, producer: string): number;
  /** The same, counting what was taken and is still on its way to disk: what a retransmission is known by. */
  acceptedSequence(topic: Topic, producer: string): number;
  /** Resolves when all that was given so far is committed. */
  flush(): Promise<void>;
  /** Calls back for each event sample once it is on disk; the returned function stops that. */
  onCommitted(committed: EventCommitted): () => void;
}

/** Is told of each event sample once it is on disk. The sample is lent as everywhere. */
export type EventCommitted = (sample: BorrowedSample, producer: string, sequence: number) => void;

/** What to read back. */
export interface ReplayRequest {
  /** Topics to read; each from behind its position where one is given, else from `fromUs`. */
  topics: { id: number; after?: Position }[];
  /** From this gateway time on, in microseconds; where neither this nor a position is given, nothing is read. */
  fromUs?: number;
  /** Up to and including these offsets of the current epoch, per topic id; without, all that is committed. */
  until?: Map<number, number>;
  /** Feed number that the batches carry. */
  feed: number;
  /** Upper bound of each batch in bytes. */
  maxBatchBytes: number;
}

/** A piece of the past. */
export type ReplayItem =
  | { kind: "batch"; bytes: Uint8Array; samples: number }
  /**
   * Samples `from` to `to`, both included, are gone. With reason `epoch` the epoch is unknown here, and `to` is
   * `Number.MAX_SAFE_INTEGER`: nobody knows how many there were; what follows is all that is on record of the
   * current epoch.
   */
  | {
    kind: "gap";
    topic: number;
    epoch: string;
    from: number;
    to: number;
    reason: "retention" | "overload" | "epoch";
  }
  /**
   * What follows of this topic counts in another epoch than its position named, or than the current one where
   * it had no position. Comes last too, when live samples count in another epoch than the last one read.
   */
  | { kind: "epoch"; topic: number; epoch: string };

/** Reads the recording. */
export interface RecordingReader {
  /**
   * In order of time, and of offsets within each topic. Begins by committing what the recorder holds and ends
   * when what is committed is read; reads ahead at most one page of a few items.
   *
   * Gaps are exact for event topics wherever they are; for state topics, which may have holes, only what
   * retention removed behind a position is told.
   */
  replay(request: ReplayRequest): AsyncIterable<ReplayItem>;
}
