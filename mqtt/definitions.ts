/**
 * What devices that come by MQTT may define: they declare nothing, so it is their messages that make topics and
 * change descriptions, within the same limits as the declarations of all others.
 *
 * @module
 */
import type { Hub } from "../hub/hub.ts";
import type { TopicDescription } from "../hub/topic.ts";
import { MAX_CHANGED_BYTES_PER_SECOND, MAX_TOPICS_PER_DEVICE } from "../protocol/limits.ts";

/** Why a topic may not be defined: the reason under which the message is counted, and the same in words. */
export interface DefinitionRefusal {
  reason: "too_many_topics" | "too_many_changes";
  message: string;
}

/** Why a topic may not be defined like this, or undefined where it may; a change that may is taken off the budget. */
export function definitionRefusal(hub: Hub, description: TopicDescription): DefinitionRefusal | undefined {
  const { name } = description;
  if (!hub.hasRoomFor(name)) {
    const message =
      `${name} would be one topic more than the ${MAX_TOPICS_PER_DEVICE} that a device may have`;
    return { reason: "too_many_topics", message };
  }
  if (hub.mayDefine(description)) return undefined;
  const message =
    `${name} changes more often than its device may: by ${MAX_CHANGED_BYTES_PER_SECOND} bytes of ` +
    "descriptions a second in the long run";
  return { reason: "too_many_changes", message };
}
