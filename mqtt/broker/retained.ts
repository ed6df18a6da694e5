/**
 * Newest values of state topics, as subscribers of the embedded broker get them first.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Hub } from "../../hub/hub.ts";
import type { BorrowedSample } from "../../hub/sample.ts";
import type { Topic } from "../../hub/topic.ts";
import { matches } from "../../protocol/topics.ts";
import { outgoing } from "../payload.ts";
import type { TopicTree } from "../topics.ts";

/** A retained message, as the broker's library takes it. */
interface Retained {
  cmd: "publish";
  topic: string;
  readonly payload: Buffer;
  qos: 0;
  retain: true;
}

/** The retained messages that filters cover. */
export function* retainedMessages(
  hub: Hub,
  tree: TopicTree,
  filters: readonly string[],
): Generator<Retained> {
  const patterns = filters.flatMap((filter) => tree.patternOf(filter) ?? []);
  for (const topic of hub.topics()) {
    const sample = newestState(topic);
    if (!sample || !patterns.some((pattern) => matches(pattern, topic.name))) continue;
    yield {
      cmd: "publish",
      topic: tree.outward(topic.name),
      qos: 0,
      retain: true,
      // Asked for when its turn has come: the library takes messages ahead, and a value that was published meanwhile
      // has gone to the subscriber already, which must not be left with an older one.
      get payload() {
        return outgoing("text", newestState(topic) ?? sample);
      },
    };
  }
}

/** A topic's newest value as a sample, for state topics that have one. */
export function newestState(topic: Topic): BorrowedSample | undefined {
  const { newest } = topic;
  if (!newest || topic.description.deliveryClass !== "state") return undefined;
  const { offset, timeUs, session, bytes, length } = newest;
  return { topic, offset, timeUs, session, bytes, start: 0, end: length };
}
