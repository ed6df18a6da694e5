/**
 * Reads the recording from where a subscription begins until it meets the live stream.
 *
 * Each pass first notes where every topic stands and starts to collect what comes from there on (the tail),
 * then has the recording read, which commits first, up to exactly that mark. When the tail held all that
 * came meanwhile, it follows and the subscription is live, with neither hole nor repeat. When it was too much,
 * the next pass begins at the mark; each pass is shorter than the one before as long as the peer reads faster
 * than its topics speak.
 *
 * @module
 */
import { BatchReader } from "../protocol/batch.ts";
import type { GapReason, Position, SubscribeFrom } from "../protocol/control.ts";
import { FEED_BATCH_BYTES } from "../hub/feed.ts";
import type { Hub } from "../hub/hub.ts";
import type { PatternSet } from "../hub/pattern.ts";
import type { RecordingReader, ReplayItem, ReplayRequest } from "../hub/recording.ts";
import type { Topic } from "../hub/topic.ts";
import { Outbox } from "./outbox.ts";
import { Tail, type TailItem } from "./tail.ts";

/** What catching up needs of its subscription. */
export interface CatchUpParts {
  hub: Hub;
  reader: RecordingReader;
  patterns: PatternSet;
  /** Feed number of the recorded batches. */
  feed: number;
  /** Tells the peer of topics before their samples. */
  announce(topics: Topic[]): void;
  /** Tells the peer that what follows of a topic counts in this epoch. */
  epoch(topic: Topic, epoch: string): void;
  gap(topic: Topic, epoch: string, from: number, to: number, reason: GapReason): void;
  batch(bytes: Uint8Array, samples: number): void;
  /** Sends the newest value of those of `topics` that are state. */
  snapshot(topics: Topic[]): void;
  /** Whether the peer can take more now. */
  more(): boolean;
  /** About how many bytes a batch may have now. */
  batchBytes(): number;
  /** Resolves when the peer can take more; false when the subscription has ended. */
  ready(): Promise<boolean>;
}

/**
 * Runs until live.
 *
 * @param from A time in microseconds, or positions by topic.
 * @param joined Called synchronously behind the last recorded and collected sample: the caller joins its feed.
 * @param behind Called instead, synchronously, when that cannot be reached, with what the peer has.
 */
export async function catchUp(
  parts: CatchUpParts,
  from: Exclude<SubscribeFrom, string>,
  joined: () => void,
  behind: (positions: ReadonlyMap<string, Position>) => void,
): Promise<void> {
  const { hub } = parts;
  let lastPass = Infinity;
  const positions = new Map<string, Position>(Object.entries(from.positions ?? {}));
  const reached = new Reached();
  let { time: fromUs, state } = from;
  for (;;) {
    const tail = new Tail(parts.patterns, parts.feed, (topic) => parts.announce([topic]));
    const topics = hub.listen(tail);
    try {
      const until = new Map(topics.map((topic) => [topic.id, topic.deliveredOffset]));
      const fresh = topics.filter((topic) => beginsWithNewest(topic, { positions, fromUs, state }));
      const first = new Outbox(parts.patterns, parts.feed, () => {});
      first.begin(topics, fresh);
      reached.begin(topics, positions, fresh);
      while (!first.empty) {
        first.drain(parts);
        if (!await parts.ready()) return;
      }
      const samples = await replay(
        parts,
        request(parts, topics, { positions, fromUs, state }, until),
        reached,
      );
      if (samples === undefined) return;
      for (const topic of topics) {
        positions.set(topic.name, { epoch: hub.epoch, offset: until.get(topic.id)! });
      }
      fromUs = state = undefined;
      if (tail.overflowed) {
        beginNewTopics(parts, positions);
        if (samples < lastPass) {
          lastPass = samples;
          continue;
        }
        // A pass that is no shorter than the one before: the topics speak faster than the peer reads.
        for (const topic of topics) parts.epoch(topic, hub.epoch);
        behind(positions);
        return;
      }
      for (const topic of topics) parts.epoch(topic, hub.epoch);
      for (const item of tail.take()) forward(parts, item, reached);
      parts.snapshot(topics.filter((topic) => reached.below(topic)));
      joined();
      return;
    } finally {
      hub.unlisten(tail);
    }
  }
}

/** Of a topic that appeared while the recording was read, nothing has come yet. */
function beginNewTopics({ hub, patterns }: CatchUpParts, positions: Map<string, Position>): void {
  for (const { name } of hub.matching(patterns)) {
    if (!positions.has(name)) positions.set(name, { epoch: hub.epoch, offset: 0 });
  }
}

/** How far the peer has got in each topic: an offset and the epoch that it counts in. */
class Reached {
  #places = new Map<number, Position>();
  #reader = new BatchReader();

  /** Topics begin at their positions, those of `fresh` with their newest value. */
  begin(topics: Topic[], positions: Map<string, Position>, fresh: Topic[]): void {
    for (const { id, name, epoch } of topics) {
      if (!this.#places.has(id)) this.#places.set(id, { epoch, offset: 0, ...positions.get(name) });
    }
    for (const { id, epoch, newest } of fresh) {
      if (newest) this.#places.set(id, { epoch, offset: newest.offset });
    }
  }

  /** The topic's offsets count in another epoch from here on. */
  epoch(topic: number, epoch: string): void {
    this.#places.set(topic, { epoch, offset: 0 });
  }

  /** A batch goes out. @returns the topics in it, each with the epoch that it counts in. */
  batch(bytes: Uint8Array): Map<number, string> {
    const reader = this.#reader;
    const topics = new Map<number, string>();
    reader.open(bytes);
    while (reader.next()) {
      const place = this.#places.get(reader.channel);
      if (!place) continue;
      place.offset = reader.sequence;
      topics.set(reader.channel, place.epoch);
    }
    return topics;
  }

  /** Whether the topic has a newer value. */
  below({ id, epoch, newest }: Topic): boolean {
    const place = this.#places.get(id);
    return newest !== undefined && newest.offset > (place?.epoch === epoch ? place.offset : 0);
  }
}

/** Where a pass begins. */
interface Start {
  positions: ReadonlyMap<string, Position>;
  fromUs: number | undefined;
  /** Whether states without a position are left to their newest value. */
  state: "newest" | undefined;
}

/** A topic that the recording will say nothing of begins with its newest value, as in a snapshot. */
function beginsWithNewest(topic: Topic, start: Start): boolean {
  if (start.positions.has(topic.name)) return false;
  if (start.fromUs === undefined || newestAlone(topic, start)) return true;
  return topic.newest !== undefined && topic.newest.timeUs < start.fromUs;
}

function newestAlone({ name, description }: Topic, { positions, state }: Start): boolean {
  return state === "newest" && description.deliveryClass === "state" && !positions.has(name);
}

function request(
  parts: CatchUpParts,
  topics: Topic[],
  start: Start,
  until: Map<number, number>,
): ReplayRequest {
  const { positions, fromUs } = start;
  return {
    topics: topics.filter((topic) => !newestAlone(topic, start)).map((topic) => {
      const after = positions.get(topic.name);
      return after ? { id: topic.id, after } : { id: topic.id };
    }),
    ...(fromUs === undefined ? {} : { fromUs }),
    until,
    feed: parts.feed,
    maxBatchBytes: FEED_BATCH_BYTES,
  };
}

/** Sends what the recording has; the number of samples, or undefined when the subscription ended meanwhile. */
async function replay(
  parts: CatchUpParts,
  what: ReplayRequest,
  reached: Reached,
): Promise<number | undefined> {
  let samples = 0;
  for await (const item of parts.reader.replay(what)) {
    if (!await parts.ready()) return undefined;
    if (item.kind === "batch") samples += item.samples;
    forwardRecorded(parts, item, reached);
  }
  return await parts.ready() ? samples : undefined;
}

function forwardRecorded(parts: CatchUpParts, item: ReplayItem, reached: Reached): void {
  const { hub } = parts;
  if (item.kind === "batch") {
    // What the peer knows of a topic is the same for all its subscriptions, and others read other runs.
    for (const [id, epoch] of reached.batch(item.bytes)) parts.epoch(hub.topicById(id)!, epoch);
    return parts.batch(item.bytes, item.samples);
  }
  const topic = hub.topicById(item.topic);
  if (!topic) return;
  if (item.kind === "epoch") {
    reached.epoch(topic.id, item.epoch);
    parts.epoch(topic, item.epoch);
  } else parts.gap(topic, item.epoch, item.from, item.to, item.reason);
}

function forward(parts: CatchUpParts, item: TailItem, reached: Reached): void {
  if (item.kind === "batch") {
    reached.batch(item.bytes);
    parts.batch(item.bytes, item.samples);
  } else parts.gap(item.topic, parts.hub.epoch, item.from, item.to, "device");
}
