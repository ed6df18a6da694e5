/**
 * Events that went by while a peer was behind: on disk, since they were delivered to others after their commit.
 *
 * @module
 */
import type { GapReason } from "../protocol/control.ts";
import { FEED_BATCH_BYTES } from "../hub/feed.ts";
import type { RecordingReader } from "../hub/recording.ts";
import type { Topic } from "../hub/topic.ts";

/** What reading them needs of the subscription. */
export interface MissedWay {
  reader: RecordingReader;
  /** Number that the batches carry. */
  feed: number;
  /** Resolves when the peer can take more; false when the subscription has ended. */
  ready(): Promise<boolean>;
  batch(bytes: Uint8Array, samples: number): void;
  gap(topic: Topic, epoch: string, from: number, to: number, reason: GapReason): void;
}

/** Sends what the recording has of event topics behind the offsets that the peer has, up to where they stand now. */
export async function readMissed(missed: ReadonlyMap<Topic, number>, way: MissedWay): Promise<void> {
  const topics = new Map([...missed.keys()].map((topic) => [topic.id, topic]));
  const items = way.reader.replay({
    topics: [...missed].map(([{ id, epoch }, offset]) => ({ id, after: { epoch, offset } })),
    until: new Map([...topics].map(([id, topic]) => [id, topic.deliveredOffset])),
    feed: way.feed,
    maxBatchBytes: FEED_BATCH_BYTES,
  });
  for await (const item of items) {
    if (!await way.ready()) return;
    if (item.kind === "batch") way.batch(item.bytes, item.samples);
    else if (item.kind === "gap") {
      const topic = topics.get(item.topic);
      if (topic) way.gap(topic, item.epoch, item.from, item.to, item.reason);
    }
  }
}
