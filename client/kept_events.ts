/**
 * What an earlier run of a device left in its storage, and the producer in whose name the events count.
 *
 * @module
 */
import type { EventStorage, StoredTopic } from "./storage.ts";

/** Events of an earlier run, until their channels take them up. */
export class KeptEvents {
  /** Names the sequence space of the events. */
  producer: string;
  readonly #storage: EventStorage | undefined;
  readonly #named: string | undefined;
  readonly #fresh: () => string;
  #topics: Record<string, StoredTopic> = {};

  /**
   * @param named The producer that the program asks for.
   * @param fresh Makes a name, where neither the program nor the storage has one.
   */
  constructor(storage: EventStorage | undefined, named: string | undefined, fresh: () => string) {
    this.#storage = storage;
    this.#named = named;
    this.#fresh = fresh;
    this.producer = named ?? fresh();
  }

  /**
   * Reads the storage; before it is done nothing is stored.
   *
   * @throws what the storage throws.
   */
  async load(storage: EventStorage): Promise<void> {
    const kept = await storage.load();
    if (kept) {
      this.producer = this.#named ?? kept.producer;
      this.#topics = kept.topics;
    }
  }

  /** Takes out what is kept of a topic. */
  take(topic: string): StoredTopic | undefined {
    const kept = this.#topics[topic];
    delete this.#topics[topic];
    return kept;
  }

  /**
   * The gateway does not know the producer's events any more: another one counts from 1, from this call on.
   *
   * @throws what the storage throws; the other producer holds all the same.
   */
  async startOver(): Promise<void> {
    this.producer = this.#fresh();
    await this.#storage?.producer(this.producer, true);
  }
}
