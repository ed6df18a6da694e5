/**
 * What a dashboard has been told of topics, so that it is told nothing twice.
 *
 * @module
 */
import type { ChannelAnnouncement } from "../protocol/control.ts";
import { inMessages } from "../protocol/split.ts";
import type { Topic, TopicDescription } from "../hub/topic.ts";

/** Topics that one peer knows. */
export class Announced {
  /** By topic id. */
  readonly #told = new Map<number, { description: TopicDescription; epoch: string }>();

  /**
   * Messages that tell the peer what it does not know yet of `topics`, each short enough to be sent.
   *
   * @param epoch What the topics' offsets count in from here on; without it their own.
   */
  news(topics: readonly Topic[], epoch?: string): Iterable<string> {
    const news: ChannelAnnouncement[] = [];
    for (const topic of topics) {
      const { id, description } = topic;
      const told = { description, epoch: epoch ?? topic.epoch };
      const known = this.#told.get(id);
      if (known?.description === description && known.epoch === told.epoch) continue;
      this.#told.set(id, told);
      news.push({ ...topic.announcement(), epoch: told.epoch });
    }
    return news.length === 0 ? [] : inMessages("channels", "channels", news);
  }
}
