/**
 * Keeps what waits for a broker within a limit: moves the cursors of topics past the oldest events when there are
 * too many, and reports these as lost.
 *
 * @module
 */
import { BatchReader } from "../../protocol/batch.ts";
import type { Position } from "../../protocol/control.ts";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import type { Hub } from "../../hub/hub.ts";
import type { PatternSet } from "../../hub/pattern.ts";
import type { RecordingReader } from "../../hub/recording.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Cursors } from "./cursors.ts";
import type { LostEvents } from "./outgoing_event.ts";
import { Spool } from "./spool.ts";

/** Largest batch that is read back at a time, in bytes. */
const BATCH_BYTES = Math.min(65_536, MAX_MESSAGE_BYTES);

/** What a limit needs. */
export interface SpoolLimitParts {
  hub: Hub;
  reader: RecordingReader;
  cursors: Cursors;
  patterns: PatternSet;
  maxBytes: number;
  /** Up to where a topic's events are sent. */
  sent(topic: number): Position | undefined;
  lost(lost: LostEvents): void;
}

/** The limit of one rule. */
export class SpoolLimit {
  readonly #parts: SpoolLimitParts;
  readonly #spool: Spool;

  constructor(parts: SpoolLimitParts) {
    this.#parts = parts;
    this.#spool = new Spool(parts.maxBytes);
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#spool.bytes;
  }

  /** Counts an event, and gives up the oldest ones beyond the limit. */
  add({ topic, offset, start, end }: BorrowedSample): void {
    this.#spool.add(topic.id, topic.epoch, offset, end - start);
    if (this.#spool.bytes > this.#parts.maxBytes) this.#trim();
  }

  /** The broker has everything up to here. */
  passed(topic: number, position: Position): void {
    this.#spool.passed(topic, position);
  }

  /** Whether an event was given up. */
  isGivenUp(topic: number, epoch: string, offset: number): boolean {
    return this.#spool.isGivenUp(topic, epoch, offset);
  }

  /** Adds up what earlier runs have left for the broker. */
  async addUp(): Promise<void> {
    const { hub, reader, cursors, patterns, maxBytes } = this.#parts;
    const until = new Map(hub.matching(patterns).map(({ id, deliveredOffset }) => [id, deliveredOffset]));
    const kept = [...cursors.all()].filter(([id]) => until.has(id));
    const epochs = new Map(kept.map(([id, { epoch }]) => [id, epoch]));
    const topics = kept.map(([id, after]) => ({ id, after }));
    const earlier = new Spool(maxBytes);
    const batch = new BatchReader();
    for await (const item of reader.replay({ topics, until, feed: 0, maxBatchBytes: BATCH_BYTES })) {
      if (item.kind === "epoch") epochs.set(item.topic, item.epoch);
      if (item.kind !== "batch") continue;
      batch.open(item.bytes);
      while (batch.next()) {
        const epoch = epochs.get(batch.channel) ?? "";
        earlier.add(batch.channel, epoch, batch.sequence, batch.end - batch.start);
      }
    }
    this.#spool.precede(earlier);
    // What went out while this was added up does not wait.
    for (const [topic, position] of cursors.all()) this.#spool.passed(topic, position);
    this.#trim();
  }

  #trim(): void {
    const { hub, cursors, sent, lost } = this.#parts;
    const reached = (topic: number, epoch: string) => {
      const position = sent(topic);
      return position?.epoch === epoch ? position.offset : 0;
    };
    for (const { topic, epoch, from, to } of this.#spool.trim(reached)) {
      cursors.passed(topic, { epoch, offset: to });
      lost({ topic: hub.topicById(topic)?.name ?? String(topic), epoch, from, to, reason: "spool_full" });
    }
  }
}
