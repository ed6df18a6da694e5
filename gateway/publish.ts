/**
 * Samples that a device publishes over HTTP: one request, one sample, no session.
 *
 * @module
 */
import { MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";
import { topicProblem } from "../protocol/topics.ts";
import type { Encoding } from "../protocol/control.ts";
import { mayWrite, type Principal } from "../hub/access.ts";
import { WriteRefused } from "../hub/writing.ts";
import type { Published } from "../routes/services.ts";
import type { Core } from "./core.ts";

/** Publishes one state sample of the device that `principal` is. */
export function publishOverHttp(
  { hub, clock }: Core,
  principal: Principal,
  name: string,
  payload: Uint8Array,
  encoding: Encoding,
): Published {
  const problem = topicProblem(name);
  if (problem) throw new WriteRefused("bad_payload", problem);
  if (!mayWrite(principal, name)) {
    throw new WriteRefused("forbidden", `the token ${JSON.stringify(principal.label)} may not write ${name}`);
  }
  if (name.split("/").length < 2 || name.split("/").some((level) => level.startsWith("$"))) {
    throw new WriteRefused("forbidden", `${name} is not a topic that a device may publish: <device>/<name>`);
  }
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new WriteRefused(
      "too_large",
      `payload of ${payload.length} bytes is above the limit of ${MAX_PAYLOAD_BYTES}`,
    );
  }
  const known = hub.topic(name);
  if (known && (known.description.writable || known.description.deliveryClass === "event")) {
    throw new WriteRefused(
      "not_writable",
      `${name} is written in a session only: it is writable or of class event`,
    );
  }
  if (!hub.hasRoomFor(name)) {
    throw new WriteRefused("overloaded", `${name} would be one topic more than its device may have`);
  }
  const topic = known ?? hub.define({ name, deliveryClass: "state", encoding, writable: false });
  const timeUs = clock.nowUs();
  const offset = hub.publish(topic, timeUs, 0, payload);
  return { offset, timeUs };
}
