/**
 * The hub: all topics, their newest values, and who listens to them.
 *
 * Publishing is one synchronous pass: count, remember, tell each listener. A state sample goes to the
 * listeners at once and to the recording beside; an event goes to the recording first and to the listeners
 * once it is committed, so that whatever a dashboard has seen is on record.
 *
 * @module
 */
import { MAX_TOPICS_PER_DEVICE } from "../protocol/limits.ts";
import { ChangeBudget } from "./change_budget.ts";
import type { Counters } from "./counters.ts";
import { Matches } from "./matches.ts";
import type { PatternSet } from "./pattern.ts";
import type { Recorder } from "./recording.ts";
import type { BorrowedSample, SampleListener } from "./sample.ts";
import { Topic, type TopicDescription } from "./topic.ts";

/** A listener that belongs to a set of patterns. */
export interface PatternListener extends SampleListener {
  readonly patterns: PatternSet;
  /** A topic of the set appeared (before its first sample) or its description changed. */
  defined(topic: Topic): void;
  /** Offsets `from` to `to` of an event topic will never come. */
  missing(topic: Topic, from: number, to: number): void;
}

/** Where an event came from, so that its commit can be told to the sender. */
export type CommitListener = (sample: BorrowedSample, producer: string, sequence: number) => void;

/** All topics of this gateway. */
export class Hub {
  readonly epoch: string;
  #recorder: Recorder;
  #counters: Counters;
  #byName = new Map<string, Topic>();
  #byId = new Map<number, Topic>();
  /** Topics of each device. */
  #counts = new Map<string, number>();
  #lastId = 0;
  #matches = new Matches<PatternListener>(this.#byName);
  readonly #changes: ChangeBudget;
  #commits = new Map<Topic, CommitListener>();
  #sample: BorrowedSample | undefined;

  /** `nowMs` gives milliseconds of a steady clock. */
  constructor(options: { epoch: string; recorder: Recorder; counters: Counters; nowMs?: () => number }) {
    this.epoch = options.epoch;
    this.#recorder = options.recorder;
    this.#counters = options.counters;
    this.#changes = new ChangeBudget(options.nowMs);
  }

  /** All topics, in the order in which they appeared. */
  topics(): Iterable<Topic> {
    return this.#byName.values();
  }

  /** How many topics there are. */
  get size(): number {
    return this.#byName.size;
  }

  topic(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  topicById(id: number): Topic | undefined {
    return this.#byId.get(id);
  }

  /** Puts a topic of an earlier run back, with its id and newest value. */
  restore(id: number, description: TopicDescription, newest?: { timeUs: number; payload: Uint8Array }): void {
    const topic = new Topic(id, description, this.epoch);
    this.#lastId = Math.max(this.#lastId, id);
    if (newest) {
      const { timeUs, payload } = newest;
      topic.remember({ topic, offset: 0, timeUs, session: 0, bytes: payload, start: 0, end: payload.length });
    }
    this.#add(topic);
    // A device that advertises it unchanged defines nothing anew, and commits are told by topics that the recorder knows.
    this.#recorder.define(topic);
  }

  /** Makes a topic known, or changes its description. Announces it where that is news. */
  define(description: TopicDescription): Topic {
    let topic = this.#byName.get(description.name);
    if (topic) {
      if (isSame(topic.description, description)) return topic;
      topic.description = description;
    } else {
      topic = new Topic(++this.#lastId, description, this.epoch);
      this.#add(topic);
    }
    this.#recorder.define(topic);
    for (const listener of topic.listeners) (listener as PatternListener).defined(topic);
    return topic;
  }

  /** Whether `name` is a topic already, or its device may have another one. */
  hasRoomFor(name: string): boolean {
    return this.#byName.has(name) || (this.#counts.get(deviceOf(name)) ?? 0) < MAX_TOPICS_PER_DEVICE;
  }

  /** Whether the topic is new or unchanged, or its device may change it now; a change that is allowed is counted. */
  mayDefine(description: TopicDescription): boolean {
    const known = this.#byName.get(description.name);
    if (!known || isSame(known.description, description)) return true;
    return this.#changes.take(deviceOf(description.name), JSON.stringify(description).length);
  }

  #add(topic: Topic): void {
    this.#byName.set(topic.name, topic);
    this.#byId.set(topic.id, topic);
    topic.listeners = this.#matches.add(topic);
    const device = deviceOf(topic.name);
    this.#counts.set(device, (this.#counts.get(device) ?? 0) + 1);
  }

  /** Topics that belong to `patterns`. */
  matching(patterns: PatternSet): Topic[] {
    return [...this.#matches.of(patterns).topics];
  }

  /** Adds a listener to all topics of its patterns, those to come included; returns the ones there are. */
  listen(listener: PatternListener): Topic[] {
    const { topics, listeners } = this.#matches.of(listener.patterns);
    if (!listeners.has(listener)) {
      listeners.add(listener);
      for (const topic of topics) topic.listeners = [...topic.listeners, listener];
    }
    return [...topics];
  }

  /** Takes a listener away. */
  unlisten(listener: PatternListener): void {
    const { topics, listeners } = this.#matches.of(listener.patterns);
    if (!listeners.delete(listener)) return;
    for (const topic of topics) topic.listeners = topic.listeners.filter((one) => one !== listener);
  }

  /** Publishes a state sample; the payload is borrowed. Returns its offset. */
  publish(
    topic: Topic,
    timeUs: number,
    session: number,
    bytes: Uint8Array,
    start = 0,
    end: number = bytes.length,
  ): number {
    const sample = this.#fill(topic, timeUs, session, bytes, start, end);
    this.#lendNewest(sample);
    if (!this.#recorder.state(sample)) this.#counters.add("recording_dropped", "queue_full");
    this.#deliver(sample);
    return sample.offset;
  }

  /**
   * Takes an event sample to the recording; listeners and the sender's {@link CommitListener} are told when it
   * is committed.
   *
   * @returns its offset, or 0 when the recording cannot take it now: the sender must keep it.
   */
  publishEvent(
    topic: Topic,
    timeUs: number,
    session: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    producer: string,
    sequence: number,
  ): number {
    const sample = this.#fill(topic, timeUs, session, bytes, start, end);
    if (!this.#recorder.event(sample, producer, sequence)) {
      topic.lastOffset--;
      return 0;
    }
    return sample.offset;
  }

  /** The recorder's word that an event is on disk. */
  committed(sample: BorrowedSample, producer: string, sequence: number): void {
    // Not when the topic has become one of state meanwhile, and has gone on.
    if (sample.offset > sample.topic.deliveredOffset) {
      sample.topic.remember(sample);
      this.#deliver(sample);
    }
    this.#commits.get(sample.topic)?.(sample, producer, sequence);
  }

  /** Has the commits of a topic's events told to `listener`, in place of a former one. */
  onCommit(topic: Topic, listener: CommitListener): void {
    this.#commits.set(topic, listener);
  }

  /** Ends {@link onCommit}, unless another listener has taken the place. */
  offCommit(topic: Topic, listener: CommitListener): void {
    if (this.#commits.get(topic) === listener) this.#commits.delete(topic);
  }

  /**
   * Leaves out `count` offsets of an event topic that its source has lost; listeners are told before the next
   * event. Below 0 takes that back when the event behind them was not taken.
   */
  skip(topic: Topic, count: number): void {
    topic.lastOffset += count;
  }

  #fill(
    topic: Topic,
    timeUs: number,
    session: number,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): BorrowedSample {
    const sample = this.#sample ??= { topic, offset: 0, timeUs, session, bytes, start, end };
    sample.topic = topic;
    sample.offset = ++topic.lastOffset;
    sample.timeUs = timeUs;
    sample.session = session;
    sample.bytes = bytes;
    sample.start = start;
    sample.end = end;
    return sample;
  }

  /**
   * Keeps the sample as the newest value and lends that copy from here on: it is whole in an array of its own, so
   * that nobody needs a view of the message, which on Bun costs more than all the copies.
   */
  #lendNewest(sample: BorrowedSample): void {
    const { bytes, length } = sample.topic.remember(sample);
    sample.bytes = bytes;
    sample.start = 0;
    sample.end = length;
  }

  #deliver(sample: BorrowedSample): void {
    const topic = sample.topic;
    const listeners = topic.listeners;
    const expected = topic.deliveredOffset + 1;
    topic.deliveredOffset = sample.offset;
    if (sample.offset !== expected && topic.description.deliveryClass === "event") {
      for (const listener of listeners) {
        (listener as PatternListener).missing(topic, expected, sample.offset - 1);
      }
    }
    for (let i = 0; i < listeners.length; i++) listeners[i]!.sample(sample);
  }
}

function isSame(a: TopicDescription, b: TopicDescription): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function deviceOf(topic: string): string {
  const end = topic.indexOf("/");
  return end < 0 ? topic : topic.slice(0, end);
}
