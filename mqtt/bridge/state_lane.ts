/**
 * States on their way to a broker: the newest value of each topic, and nothing older. A slow broker gets fewer
 * values, never old ones, and whenever a connection is made every topic's newest value goes out again.
 *
 * @module
 */
import type { Hub, PatternListener } from "../../hub/hub.ts";
import { LatestValues } from "../../hub/latest_values.ts";
import type { PatternSet } from "../../hub/pattern.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";
import { isWriteTopic } from "../topics.ts";

/** Values that go out in one turn of the event loop: more of them would hold up everybody else. */
const MAX_PER_TURN = 1_024;

/** What a lane needs. */
export interface StateLaneParts {
  hub: Hub;
  patterns: PatternSet;
  maxHz?: number;
  /** Publishes a lent sample; calls `done` when there is room for more or it is acknowledged, at most once. */
  publish(sample: BorrowedSample, done: () => void): void;
  /** Whether the network takes more now; where it does not, newer values come meanwhile. */
  room(): boolean;
}

/** The states of one rule. */
export class StateLane implements PatternListener {
  readonly patterns: PatternSet;
  /** Values handed over. */
  sent = 0;
  /** Values left out because a newer one took their place. */
  conflated = 0;
  readonly #parts: StateLaneParts;
  readonly #latest = new LatestValues();
  readonly #intervalMs: number;
  #online = false;
  #limit = Infinity;
  #underWay = 0;
  #connection = 0;
  #scheduled = false;
  #nextMs = 0;

  constructor(parts: StateLaneParts) {
    this.#parts = parts;
    this.patterns = parts.patterns;
    this.#intervalMs = parts.maxHz === undefined ? 0 : 1_000 / parts.maxHz;
    parts.hub.listen(this);
  }

  defined(): void {}

  missing(): void {}

  sample(sample: BorrowedSample): void {
    if (!this.#online || !takes(sample.topic)) return;
    if (this.#latest.put(sample)) this.conflated++;
    this.#schedule();
  }

  /** A broker is there: it gets every newest value, at most `limit` of them unsettled at a time. */
  online(limit: number): void {
    this.#online = true;
    this.#limit = limit;
    this.#connection++;
    this.#underWay = 0;
    this.#latest.clear();
    for (const topic of this.#parts.hub.matching(this.patterns)) {
      const { newest } = topic;
      if (!newest || !takes(topic)) continue;
      const { offset, timeUs, session, bytes, length } = newest;
      this.#latest.put({ topic, offset, timeUs, session, bytes, start: 0, end: length });
    }
    this.#schedule();
  }

  offline(): void {
    this.#online = false;
    this.#latest.clear();
  }

  stop(): void {
    this.offline();
    this.#parts.hub.unlisten(this);
  }

  #schedule(): void {
    const held = this.#underWay > 0 && !this.#parts.room();
    if (this.#scheduled || held || this.#underWay >= this.#limit) return;
    this.#scheduled = true;
    const wait = this.#nextMs - performance.now();
    if (wait > 0) setTimeout(() => this.#flush(), wait);
    else setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    if (!this.#online) return;
    this.#nextMs = performance.now() + this.#intervalMs;
    const connection = this.#connection;
    let flushing = true;
    const done = () => {
      if (connection !== this.#connection) return;
      this.#underWay--;
      if (!flushing && this.#latest.size > 0) this.#schedule();
    };
    let left = Math.min(MAX_PER_TURN, this.#limit - this.#underWay);
    this.#latest.drainWhile((sample) => {
      this.#underWay++;
      this.sent++;
      this.#parts.publish(sample, done);
      return --left > 0 && this.#parts.room();
    });
    flushing = false;
    if (this.#latest.size > 0) this.#schedule();
  }
}

/** Desired values are states as well: whoever watches the broker sees what a device should have. */
function takes(topic: Topic): boolean {
  return topic.description.deliveryClass === "state" && !isWriteTopic(topic.name);
}
