/**
 * Which topics belong to which patterns, found once for all who ask for the same.
 *
 * A look at every topic takes tens of milliseconds with 100,000 of them, and a dashboard causes several: as it
 * subscribes, falls behind, catches up, and leaves. Dashboards of one kind ask for the same patterns, so the
 * answer is kept while somebody listens, for a few patterns beyond that, and is added to as topics appear.
 *
 * @module
 */
import type { PatternSet } from "./pattern.ts";
import type { Topic } from "./topic.ts";

/** Answers that are kept though nobody listens: a session that comes back, or moves between its phases, asks again. */
const IDLE_KEPT = 8;

/** Topics of one set of patterns, and those who listen to them. */
export interface Match<Listener> {
  readonly patterns: PatternSet;
  /** In the order in which they appeared. */
  readonly topics: Topic[];
  readonly listeners: Set<Listener>;
}

/** Topics by patterns. */
export class Matches<Listener> {
  /** By the patterns' key; those asked for least lately come first. */
  readonly #byKey = new Map<string, Match<Listener>>();

  /** @param byName All topics. */
  constructor(readonly byName: ReadonlyMap<string, Topic>) {}

  /** The match of these patterns. */
  of(patterns: PatternSet): Match<Listener> {
    const { key } = patterns;
    const match = this.#byKey.get(key) ?? { patterns, topics: this.#find(patterns), listeners: new Set() };
    this.#byKey.delete(key);
    this.#byKey.set(key, match);
    this.#forget();
    return match;
  }

  /** A topic appeared; returns all who listen to it. */
  add(topic: Topic): Listener[] {
    const listeners: Listener[] = [];
    for (const match of this.#byKey.values()) {
      if (!match.patterns.has(topic.name)) continue;
      match.topics.push(topic);
      listeners.push(...match.listeners);
    }
    return listeners;
  }

  #find(patterns: PatternSet): Topic[] {
    const found: Topic[] = [];
    if (patterns.exact) {
      for (const name of new Set(patterns.exact)) {
        const topic = this.byName.get(name);
        if (topic && patterns.has(name)) found.push(topic);
      }
    } else {
      for (const topic of this.byName.values()) if (patterns.has(topic.name)) found.push(topic);
    }
    return found;
  }

  #forget(): void {
    let idle = 0;
    for (const { listeners } of this.#byKey.values()) if (listeners.size === 0) idle++;
    for (const [key, { listeners }] of this.#byKey) {
      if (idle <= IDLE_KEPT) return;
      if (listeners.size > 0) continue;
      this.#byKey.delete(key);
      idle--;
    }
  }
}
