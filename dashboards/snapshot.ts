/**
 * Newest values of many topics at once.
 *
 * @module
 */
import { BatchWriter } from "../protocol/batch.ts";
import { MAX_MESSAGE_BYTES, MAX_SCHEMA_BYTES } from "../protocol/limits.ts";
import type { Topic } from "../hub/topic.ts";

/** About what an announcement without a schema takes, in bytes. */
const ANNOUNCEMENT_BYTES = 200;

/** At most about so many bytes announce `topics` and carry the newest values of `values`. */
export function costOf(topics: readonly Topic[], values: readonly Topic[]): number {
  let bytes = 0;
  for (const { description: { schema, fields } } of topics) {
    bytes += ANNOUNCEMENT_BYTES + (schema === undefined && fields === undefined ? 0 : MAX_SCHEMA_BYTES);
  }
  for (const { newest } of values) bytes += newest?.length ?? 0;
  return bytes;
}

/** Sends the newest values of those of `topics` that are state, in borrowed batches of feed number `feed`. */
export function sendSnapshot(
  topics: readonly Topic[],
  feed: number,
  send: (batch: Uint8Array, samples: number) => void,
): void {
  const writer = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES, feed });
  const flush = () => {
    const samples = writer.count;
    if (samples > 0) send(writer.takeBorrowed(), samples);
  };
  for (const { id, newest, description } of topics) {
    if (!newest || description.deliveryClass !== "state") continue;
    if (writer.add(id, newest.offset, newest.timeUs, newest.bytes, 0, newest.length)) continue;
    flush();
    writer.add(id, newest.offset, newest.timeUs, newest.bytes, 0, newest.length);
  }
  flush();
}
