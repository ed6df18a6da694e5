/**
 * A sample on its way through the gateway.
 *
 * @module
 */
import type { Topic } from "./topic.ts";

/**
 * One sample, lent for the duration of a call: the object and `bytes` are used again for the next one. Whoever
 * keeps anything copies it.
 */
export interface BorrowedSample {
  topic: Topic;
  /** Counts the topic's samples from 1 within its epoch. */
  offset: number;
  /** Gateway's time in microseconds since 1970. */
  timeUs: number;
  /** Number of the session that wrote it. */
  session: number;
  /** Payload is `bytes[start, end)`. */
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** Is told of each sample of a topic it listens to. Synchronous, never throws, never awaits. */
export interface SampleListener {
  sample(sample: BorrowedSample): void;
}
