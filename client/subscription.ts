/**
 * One subscription: where it stands in each topic, and how samples get to the program.
 *
 * @module
 */
import type { GAP_REASONS, Position, SKIP_REASONS, Subscribe, SubscribeFrom } from "../protocol/control.ts";
import { MAX_CONTROL_BYTES } from "../protocol/limits.ts";
import type { ClosedError } from "./errors.ts";
import { type ChannelInfo, Sample } from "./sample.ts";
import { SampleQueue } from "./sample_queue.ts";

/** Samples of an event topic that cannot be had any more; `from` and `to` are both included. */
export interface Gap {
  topic: string;
  epoch: string;
  from: number;
  to: number;
  /** Why. `unannounced`: the offsets jumped without a word, which a correct gateway never lets happen. */
  reason: typeof GAP_REASONS[number] | "unannounced";
}

/** State samples that the gateway left out, running totals by reason. */
export type SkippedCounts = Partial<Record<typeof SKIP_REASONS[number], number>>;

/**
 * What a subscription is to receive, and who is told. Callbacks are called in order and must not block; what one
 * throws is reported as an uncaught error and harms no other.
 */
export interface SubscribeOptions {
  /** Default `snapshot`: the newest value of each state topic, then live. A time below 0 is that long before now. */
  from?: SubscribeFrom;
  /** At most this many samples a second of each state topic; the newest are kept. */
  maxHz?: number;
  /** State samples that waited longer than this are skipped for the newest value. */
  maxStaleMs?: number;
  /** Takes the samples; without it they wait for the iterator. */
  onSample?: (sample: Sample) => void;
  /** Event samples are gone. */
  onGap?: (gap: Gap) => void;
  /** A topic of this subscription is announced, or has changed. */
  onChannel?: (channel: ChannelInfo) => void;
  /** State samples were left out. */
  onSkipped?: (counts: SkippedCounts) => void;
  /** The gateway refused the subscription. */
  onError?: (code: string, message: string) => void;
  /** Bytes that may wait for the iterator before event topics are paused. Default 1 MiB. */
  queueBytes?: number;
}

/** What a subscription asks of its dashboard. */
export interface SubscriptionOwner {
  /** Sends the subscription, from where it stands. */
  resume(subscription: Subscription): void;
  /** Stops the flow; what comes nevertheless is passed over. */
  pause(subscription: Subscription): void;
  unsubscribe(subscription: Subscription): void;
}

const DEFAULT_QUEUE_BYTES = 1_048_576;

/** Room in a control message beside the positions. */
const SUBSCRIBE_OVERHEAD_BYTES = 32_768;

/**
 * A sample may be stamped by this much before it reached the gateway, in microseconds, and still be filled in
 * on a topic that had none before a break.
 */
const ARRIVAL_SLACK_US = 5_000_000;

interface Track {
  state: boolean;
  epoch: string;
  offset: number;
}

/**
 * A live subscription; made by `Dashboard.subscribe`.
 *
 * As an async iterator it holds at most `queueBytes`: of state topics the newest sample waits; when events fill
 * the queue the subscription is paused at the gateway and taken up again, from the recording, once half of it
 * is read. So a slow reader loses no event and uses no memory for it.
 */
export class Subscription implements AsyncIterable<Sample>, Disposable {
  /** Batches with this feed number are ours; 0 while there is none. */
  feed = 0;
  /** Whether what comes is live; false while the past is replayed or nothing comes. */
  live = false;
  paused = false;
  /** State samples that the gateway left out so far, on this connection. */
  skipped: SkippedCounts = {};
  readonly #queue: SampleQueue | undefined;
  readonly #tracks = new Map<string, Track>();
  #from: SubscribeFrom | undefined;
  /** Gateway time when it was first asked for. */
  #beganUs = 0;
  /** Gateway time up to which everything had come when it was last interrupted. */
  #heardUs: number | undefined;
  #ended: ClosedError | true | undefined;
  #wake: (() => void) | undefined;

  /** Names it on the wire; another one after each pause, so that late answers to the former are not mistaken. */
  id: number;
  readonly patterns: readonly string[];
  readonly options: SubscribeOptions;
  readonly #owner: SubscriptionOwner;

  constructor(id: number, patterns: readonly string[], options: SubscribeOptions, owner: SubscriptionOwner) {
    this.id = id;
    this.patterns = patterns;
    this.options = options;
    this.#owner = owner;
    this.#from = options.from;
    if (typeof this.#from === "object") this.#takePositions(this.#from.positions ?? {});
    if (!options.onSample) this.#queue = new SampleQueue(options.queueBytes ?? DEFAULT_QUEUE_BYTES);
  }

  /** State samples that were replaced by newer ones while they waited for the iterator. */
  get conflated(): number {
    return this.#queue?.conflated ?? 0;
  }

  /** Last position received of each topic, to go on from in a later run (`from.positions`). */
  get positions(): Record<string, Position> {
    return Object.fromEntries(
      [...this.#tracks].map(([topic, { epoch, offset }]) => [topic, { epoch, offset }]),
    );
  }

  /**
   * The message that asks for it from where it stands.
   *
   * @param nowUs Gateway time.
   * @param resumeWithinMs How long a break may last for state to be filled in; after a longer one only the
   * newest values come, so that the view is live at once.
   */
  request(nowUs: number, resumeWithinMs: number): Subscribe {
    const { maxHz, maxStaleMs } = this.options;
    const from = this.#fromHere(nowUs, resumeWithinMs);
    return {
      type: "subscribe",
      id: this.id,
      patterns: [...this.patterns],
      ...(from === undefined ? {} : { from }),
      ...(maxHz === undefined ? {} : { maxHz }),
      ...(maxStaleMs === undefined ? {} : { maxStaleMs }),
    };
  }

  /**
   * Takes a sample in, once and in order of offsets.
   *
   * @returns false when it was passed over.
   */
  take(
    channel: ChannelInfo,
    offset: number,
    timeUs: number,
    recorded: boolean,
    frame: Uint8Array,
    start: number,
    end: number,
  ): boolean {
    if (this.paused || this.#ended) return false;
    const state = channel.class === "state";
    const track = this.#tracks.get(channel.topic);
    if (!track) this.#tracks.set(channel.topic, { state, epoch: channel.epoch, offset });
    else {
      if (track.epoch === channel.epoch) {
        if (offset <= track.offset) return false;
        if (!state && offset > track.offset + 1) this.#jumped(channel, track.offset + 1, offset - 1);
      }
      track.state = state;
      track.epoch = channel.epoch;
      track.offset = offset;
    }
    const sample = new Sample(channel, channel.epoch, offset, timeUs, recorded, frame, start, end);
    if (this.options.onSample) this.options.onSample(sample);
    else this.#enqueue(sample);
    return true;
  }

  /** Takes note of a gap: the next sample is the one behind it. */
  gap(gap: Gap): void {
    const track = this.#tracks.get(gap.topic);
    if (track?.epoch === gap.epoch && track.offset >= gap.to) return;
    if (track?.epoch === gap.epoch) track.offset = gap.to;
    else if (!track) this.#tracks.set(gap.topic, { state: false, epoch: gap.epoch, offset: gap.to });
    this.options.onGap?.(gap);
  }

  /**
   * Nothing comes any more until it is asked for again.
   *
   * @param heardUs Gateway time up to which everything has come.
   */
  detached(heardUs: number): void {
    if (this.feed !== 0) this.#heardUs = Math.max(heardUs - ARRIVAL_SLACK_US, this.#beganUs);
    this.feed = 0;
    this.live = false;
    this.skipped = {};
  }

  /** Ends it: an iterator reads what waits and then is done, or throws `error`. */
  end(error?: ClosedError): void {
    this.#ended ??= error ?? true;
    this.#wake?.();
  }

  /** Ends the subscription. */
  unsubscribe(): void {
    if (this.#ended) return;
    this.end();
    this.#owner.unsubscribe(this);
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }

  /** The samples, for one reader. Leaving the loop ends the subscription. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Sample, void> {
    const queue = this.#queue;
    if (!queue) throw new TypeError("this subscription has an onSample callback: it cannot be iterated too");
    try {
      while (true) {
        const sample = queue.shift();
        if (sample) {
          if (this.paused && queue.drained) this.#takeUpAgain();
          yield sample;
        } else if (this.#ended) {
          if (this.#ended !== true) throw this.#ended;
          return;
        } else {
          await new Promise<void>((wake) => this.#wake = wake);
          this.#wake = undefined;
        }
      }
    } finally {
      this.unsubscribe();
    }
  }

  #enqueue(sample: Sample): void {
    const queue = this.#queue!;
    queue.push(sample);
    this.#wake?.();
    if (queue.full && sample.channel.class === "event") {
      this.paused = true;
      this.#owner.pause(this);
    }
  }

  #takeUpAgain(): void {
    this.paused = false;
    this.#owner.resume(this);
  }

  #jumped(channel: ChannelInfo, from: number, to: number): void {
    this.options.onGap?.({ topic: channel.topic, epoch: channel.epoch, from, to, reason: "unannounced" });
  }

  #takePositions(positions: Record<string, Position>): void {
    for (const [topic, { epoch, offset }] of Object.entries(positions)) {
      this.#tracks.set(topic, { state: false, epoch, offset });
    }
  }

  /**
   * Where to go on. A time stays the moment that it first meant. After a short break every topic goes on behind
   * what came of it, and those of which nothing came from the moment of the break; after a long one the same
   * holds for events, and state begins with its newest value.
   */
  #fromHere(nowUs: number, resumeWithinMs: number): SubscribeFrom | undefined {
    const from = this.#from;
    if (this.#beganUs === 0) {
      this.#beganUs = nowUs;
      if (typeof from !== "object" || from.time === undefined) return from;
      this.#from = { ...from, time: from.time < 0 ? Math.max(0, nowUs + from.time) : from.time };
      return from;
    }
    const asked = typeof from === "object" ? from.time : undefined;
    const heardUs = this.#heardUs ?? this.#beganUs;
    const short = nowUs - heardUs <= resumeWithinMs * 1000 + ARRIVAL_SLACK_US;
    if (asked !== undefined || short) return { time: asked ?? heardUs, positions: this.#positions(true) };
    return { time: heardUs, state: "newest", positions: this.#positions(false) };
  }

  /** The positions to go on from; those of state topics are left out where they would not fit into one message. */
  #positions(state: boolean): Record<string, Position> {
    const all = this.positions;
    const fits = JSON.stringify(all).length <= MAX_CONTROL_BYTES - SUBSCRIBE_OVERHEAD_BYTES;
    if (state && fits) return all;
    return Object.fromEntries(
      [...this.#tracks].filter(([, track]) => !track.state)
        .map(([topic, { epoch, offset }]) => [topic, { epoch, offset }]),
    );
  }
}
