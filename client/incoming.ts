/**
 * What comes to a dashboard: channels as they are announced, and batches, handed to the subscriptions that their
 * feed number belongs to.
 *
 * @module
 */
import { BatchReader, FRAME } from "../protocol/batch.ts";
import type { ChannelInfo } from "./sample.ts";
import { reportFault } from "./status.ts";
import type { Subscription } from "./subscription.ts";

/** The channels and feeds of one dashboard. */
export class Incoming {
  /** Channels by topic. */
  readonly channels = new Map<string, ChannelInfo>();
  readonly #reader = new BatchReader();
  readonly #byNumber = new Map<number, ChannelInfo>();
  readonly #feeds = new Map<number, Subscription[]>();
  #epoch = "";

  /** A session is open: another run of the gateway counts its channels anew; within one the numbers stay. */
  opened(epoch: string): void {
    if (epoch !== this.#epoch) this.#byNumber.clear();
    this.#epoch = epoch;
  }

  /** The connection is gone, and the feeds with it. */
  lost(): void {
    this.#feeds.clear();
  }

  /** A channel is announced, or described anew. */
  announced(channel: ChannelInfo): void {
    this.#byNumber.set(channel.channel, channel);
    this.channels.set(channel.topic, channel);
  }

  /** Batches with this number belong to the subscription from here on. */
  join(subscription: Subscription, feed: number): void {
    this.leave(subscription);
    this.#feeds.set(feed, [...this.#feeds.get(feed) ?? [], subscription]);
    subscription.feed = feed;
  }

  /** The subscription's feed is not its own any more. */
  leave(subscription: Subscription): void {
    const rest = this.#feeds.get(subscription.feed)?.filter((other) => other !== subscription) ?? [];
    if (rest.length > 0) this.#feeds.set(subscription.feed, rest);
    else this.#feeds.delete(subscription.feed);
  }

  /** Whether feed and channels are known; on the lane a batch can overtake what announces them. */
  placeable(batch: Uint8Array): boolean {
    const reader = this.#reader;
    reader.open(batch);
    if (!this.#feeds.has(reader.feed)) return false;
    while (reader.next()) if (!this.#byNumber.has(reader.channel)) return false;
    return true;
  }

  /** Hands a batch to its subscriptions. */
  batch(bytes: Uint8Array): void {
    if (bytes[0] === FRAME.ack) return;
    const reader = this.#reader;
    reader.open(bytes);
    const subscriptions = this.#feeds.get(reader.feed);
    if (!subscriptions) return;
    while (reader.next()) {
      const known = this.#byNumber.get(reader.channel);
      if (!known) continue;
      const { sequence, timeUs, recorded, start, end } = reader;
      // Another subscription may be reading an earlier run meanwhile: what is live counts in the present one.
      const channel = recorded || known.epoch === this.#epoch ? known : { ...known, epoch: this.#epoch };
      for (const subscription of subscriptions) {
        try {
          subscription.take(channel, sequence, timeUs, recorded, bytes, start, end);
        } catch (error) {
          reportFault(error);
        }
      }
    }
  }
}
