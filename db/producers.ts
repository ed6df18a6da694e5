/**
 * Where each producer stands on each topic, by which retransmissions are known.
 *
 * @module
 */

/**
 * Producers kept of a topic. A program that names none, or another one at each start, leaves one behind each
 * time; only the last few can have anything left to send again.
 */
export const MAX_PRODUCERS_PER_TOPIC = 64;

interface Place {
  sequence: number;
  /** How many producers had come when this one was last heard: tells which was heard least recently. */
  heard: number;
}

/** Last sequence by topic and producer. */
export class Producers {
  readonly #topics = new Map<number, Map<string, Place>>();
  #come = 0;

  /** The last sequence of a producer on a topic; undefined where it is not known. */
  get(topic: number, producer: string): number | undefined {
    return this.#topics.get(topic)?.get(producer)?.sequence;
  }

  /** Raises the sequence of a producer on a topic. */
  put(topic: number, producer: string, sequence: number): void {
    let places = this.#topics.get(topic);
    if (!places) this.#topics.set(topic, places = new Map());
    const place = places.get(producer);
    if (place) {
      place.heard = this.#come;
      if (sequence > place.sequence) place.sequence = sequence;
      return;
    }
    if (places.size >= MAX_PRODUCERS_PER_TOPIC) places.delete(leastRecent(places));
    places.set(producer, { sequence, heard: ++this.#come });
  }
}

function leastRecent(places: ReadonlyMap<string, Place>): string {
  let found = "";
  let least = Infinity;
  for (const [producer, { heard }] of places) {
    if (heard >= least) continue;
    least = heard;
    found = producer;
  }
  return found;
}
