/**
 * How much waits for a broker. The events themselves are in the recording; here only their sizes are added up, in
 * stretches, so that the oldest can go when a limit is reached.
 *
 * @module
 */
import type { Position } from "../../protocol/control.ts";

/** Events of one topic that lie behind each other. */
interface Stretch {
  topic: number;
  epoch: string;
  from: number;
  to: number;
  bytes: number;
  /** Whether it waits no more. */
  gone: boolean;
}

/** Events that were given up. */
export interface GivenUp {
  topic: number;
  epoch: string;
  from: number;
  to: number;
}

/** Longest stretch, in bytes: what goes at a time. */
const MAX_STRETCH_BYTES = 65_536;

/** A limit is made up of at least this many stretches, lest too much goes at a time. */
const MIN_STRETCHES = 16;

/** What an event counts beside its payload, in bytes: about what it takes in the recording. */
const EVENT_BYTES = 16;

/** Stretches that may be gone before the list is cut, so that taking one out costs nothing. */
const MAX_GONE = 1_024;

/** Adds up what waits and gives up the oldest beyond a limit. */
export class Spool {
  /** Bytes that wait. */
  bytes = 0;
  readonly #stretchBytes: number;
  /** By the time of their first event, those that are gone included. */
  #stretches: Stretch[] = [];
  #gone = 0;
  readonly #byTopic = new Map<number, Stretch[]>();
  /** Up to where events were given up, by topic and epoch. */
  readonly #floors = new Map<number, Map<string, number>>();

  constructor(readonly maxBytes: number) {
    this.#stretchBytes = Math.min(MAX_STRETCH_BYTES, maxBytes / MIN_STRETCHES);
  }

  /** Counts an event that the broker does not have. */
  add(topic: number, epoch: string, offset: number, payloadBytes: number): void {
    const bytes = payloadBytes + EVENT_BYTES;
    this.bytes += bytes;
    let own = this.#byTopic.get(topic);
    if (!own) this.#byTopic.set(topic, own = []);
    const open = own.at(-1);
    if (open && open.epoch === epoch && open.bytes < this.#stretchBytes) {
      open.to = offset;
      open.bytes += bytes;
    } else {
      const next = { topic, epoch, from: offset, to: offset, bytes, gone: false };
      this.#stretches.push(next);
      own.push(next);
    }
  }

  /** Puts what waits from earlier runs in front. */
  precede(earlier: Spool): void {
    this.bytes += earlier.bytes;
    this.#stretches = [...earlier.#stretches, ...this.#stretches];
    this.#gone += earlier.#gone;
    for (const [topic, stretches] of earlier.#byTopic) {
      this.#byTopic.set(topic, [...stretches, ...this.#byTopic.get(topic) ?? []]);
    }
  }

  /** The broker has everything up to here. */
  passed(topic: number, { epoch, offset }: Position): void {
    const own = this.#byTopic.get(topic);
    for (let first = own?.[0]; own && first; first = own[0]) {
      if (first.epoch === epoch && first.to > offset) return;
      const last = first.epoch === epoch && first.to === offset;
      // What lies behind in another epoch is passed only when that epoch is the later one.
      if (first.epoch !== epoch && !own.some((one) => one.epoch === epoch)) return;
      own.shift();
      this.#remove(first);
      if (last) break;
    }
    this.#tidy();
  }

  /** Whether an event was given up. */
  isGivenUp(topic: number, epoch: string, offset: number): boolean {
    return offset <= (this.#floors.get(topic)?.get(epoch) ?? 0);
  }

  /**
   * Gives up the oldest events beyond the limit, and tells which.
   *
   * @param reached Offset up to which a topic's events of an epoch are sent: these are not given up.
   */
  trim(reached: (topic: number, epoch: string) => number): GivenUp[] {
    const given: GivenUp[] = [];
    for (let i = 0; this.bytes > this.maxBytes && i < this.#stretches.length; i++) {
      const one = this.#stretches[i]!;
      const { topic, epoch, from, to } = one;
      const sent = one.gone ? 0 : reached(topic, epoch);
      if (one.gone || sent >= to) continue;
      const own = this.#byTopic.get(topic)!;
      own.splice(own.indexOf(one), 1);
      this.#remove(one);
      let floors = this.#floors.get(topic);
      if (!floors) this.#floors.set(topic, floors = new Map());
      floors.set(epoch, to);
      given.push({ topic, epoch, from: Math.max(from, sent + 1), to });
    }
    this.#tidy();
    return given;
  }

  #remove(one: Stretch): void {
    one.gone = true;
    this.#gone++;
    this.bytes -= one.bytes;
  }

  #tidy(): void {
    if (this.#gone <= MAX_GONE) return;
    this.#stretches = this.#stretches.filter(({ gone }) => !gone);
    this.#gone = 0;
  }
}
