/**
 * What is kept for a peer that cannot keep up: the newest value of each state topic, and for event topics the
 * place in the recording where it has to go on.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import type { Position } from "../protocol/control.ts";
import { MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import type { PatternListener } from "../hub/hub.ts";
import { LatestValues } from "../hub/latest_values.ts";
import type { PatternSet } from "../hub/pattern.ts";
import type { BorrowedSample } from "../hub/sample.ts";
import type { Topic } from "../hub/topic.ts";

/** Topics announced between two looks at the backlog: a schema may make each some 32 KB. */
const TOPICS_AT_A_TIME = 64;

/** Where an outbox empties itself to. */
export interface OutboxWay {
  announce(topics: Topic[]): void;
  batch(bytes: Uint8Array, samples: number): void;
  /** Whether the peer can take more now. */
  more(): boolean;
  /** About how many bytes a batch may have now. */
  batchBytes(): number;
}

/** A private, conflating outbox of one subscription. */
export class Outbox implements PatternListener {
  /** State samples that a newer one replaced before they could be sent. */
  conflated = 0;
  readonly #latest = new LatestValues();
  /** Event topics that went on meanwhile, with the last offset that the peer has. */
  readonly #missed = new Map<Topic, number>();
  readonly #writer: BatchWriter;
  #toAnnounce: readonly Topic[] = [];
  /** How many of them have been announced. */
  #announced = 0;

  /** @param defined Is told of topics that appear. */
  constructor(readonly patterns: PatternSet, feed: number, readonly defined: (topic: Topic) => void) {
    this.#writer = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES, feed });
  }

  sample(sample: BorrowedSample): void {
    if (sample.topic.description.deliveryClass === "event") this.miss(sample.topic, sample.offset - 1);
    else if (this.#latest.put(sample)) this.conflated++;
  }

  missing(topic: Topic, from: number): void {
    this.miss(topic, from - 1);
  }

  /** Whether there are events that must come from the recording. */
  get missedEvents(): boolean {
    return this.#missed.size > 0;
  }

  /** Takes the event topics to be read from the recording, each with the last offset that the peer has. */
  takeMissed(): Map<Topic, number> {
    const missed = new Map(this.#missed);
    this.#missed.clear();
    return missed;
  }

  /** Has `topics` announced, and the newest values of those of `values` that are state sent. */
  begin(topics: readonly Topic[], values: readonly Topic[]): void {
    this.#toAnnounce = [...topics];
    this.#announced = 0;
    for (const topic of values) {
      const { newest, description } = topic;
      if (!newest || description.deliveryClass !== "state") continue;
      this.#latest.put({ ...newest, topic, start: 0, end: newest.length });
    }
  }

  /** Goes on for a peer that knows `topics` and has them up to these positions. */
  goOn(topics: readonly Topic[], positions: ReadonlyMap<string, Position>): void {
    const ahead = topics.filter((topic) => topic.deliveredOffset > heldOffset(topic, positions));
    for (const topic of ahead) {
      if (topic.description.deliveryClass === "event") this.miss(topic, heldOffset(topic, positions));
    }
    this.begin([], ahead);
  }

  /** Whether nothing waits but newest values of topics that the peer knows. */
  get stateOnly(): boolean {
    return this.announcedAll && this.#missed.size === 0;
  }

  /** Whether the peer knows all topics that there were when it began. */
  get announcedAll(): boolean {
    return this.#toAnnounce.length === 0;
  }

  /** Whether nothing waits but what the recording has. */
  get empty(): boolean {
    return this.#announced === this.#toAnnounce.length && this.#latest.size === 0;
  }

  /** Sends what waits, announcements first, while the peer can take it. */
  drain(out: OutboxWay): void {
    while (this.#announced < this.#toAnnounce.length) {
      if (!out.more()) return;
      const from = this.#announced;
      this.#announced = Math.min(from + TOPICS_AT_A_TIME, this.#toAnnounce.length);
      out.announce(this.#toAnnounce.slice(from, this.#announced));
    }
    this.#toAnnounce = [];
    this.#announced = 0;
    const writer = this.#writer;
    const flush = () => {
      const samples = writer.count;
      if (samples > 0) out.batch(writer.takeBorrowed(), samples);
    };
    if (!out.more()) return;
    let atMost = out.batchBytes();
    this.#latest.drainWhile(({ topic, offset, timeUs, bytes, start, end }) => {
      if (!writer.add(topic.id, offset, timeUs, bytes, start, end)) {
        flush();
        writer.add(topic.id, offset, timeUs, bytes, start, end);
      }
      if (writer.length < atMost) return true;
      flush();
      atMost = out.batchBytes();
      return out.more();
    });
    flush();
  }

  /** Events of `topic` behind the one at `lastHeld` are to be read from the recording. */
  miss(topic: Topic, lastHeld: number): void {
    if (!this.#missed.has(topic)) this.#missed.set(topic, lastHeld);
  }
}

/** Last offset of a topic that a peer with these positions has. */
function heldOffset({ name, epoch }: Topic, positions: ReadonlyMap<string, Position>): number {
  const position = positions.get(name);
  return position?.epoch === epoch ? position.offset : 0;
}
