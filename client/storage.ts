/**
 * Where a device keeps the events that the gateway has not confirmed, so that they outlive the program.
 *
 * @module
 */

/** One kept event. */
export interface StoredEvent {
  /** Microseconds; by the gateway's clock, or by the device's own when `local`. */
  timeUs: number;
  local: boolean;
  payload: Uint8Array;
}

/** Everything that is kept of one topic. */
export interface StoredTopic {
  /** Last sequence that the gateway confirmed; the first of `events` is the next one. */
  acknowledged: number;
  /** In order. */
  events: StoredEvent[];
}

/**
 * Keeps events. Calls come one after the other for each topic and may answer at once or with a promise; an
 * event is sent only after `append` has answered, since a sequence number that was used must never name
 * another event. When a promise rejects, so does the event's `publish`.
 */
export interface EventStorage {
  /** What an earlier run left: the producer's name and the topics. Undefined on the first run. */
  load(): Promise<{ producer: string; topics: Record<string, StoredTopic> } | undefined>;
  /**
   * The run's producer. `renumber` is true when the gateway does not know the former one's events any more:
   * every topic's `acknowledged` becomes 0, the events stay.
   */
  producer(name: string, renumber: boolean): void | Promise<void>;
  append(topic: string, event: StoredEvent): void | Promise<void>;
  /** Everything of `topic` up to `sequence` is safe and can be removed; `acknowledged` becomes `sequence`. */
  acknowledged(topic: string, sequence: number): void | Promise<void>;
}
