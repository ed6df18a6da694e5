/**
 * A dashboard's `write`: its payload encoded as the topic declares, its outcome told back.
 *
 * @module
 */
import { encode } from "../payload/encode.ts";
import { PayloadError } from "../payload/payload.ts";
import type { DashboardMessage, ToDashboard } from "../protocol/control.ts";
import { mayWrite, type Principal } from "../hub/access.ts";
import { WriteRefused } from "../hub/writing.ts";
import type { DashboardContext } from "./context.ts";

type Write = Extract<DashboardMessage, { type: "write" }>;

/** Carries a write out and sends exactly one `result` or `error` for it. */
export function answerWrite(
  write: Write,
  principal: Principal,
  context: Pick<DashboardContext, "hub" | "writer" | "fault">,
  send: (answer: ToDashboard) => void,
): void {
  const refuse = (error: unknown) => {
    if (!(error instanceof WriteRefused)) context.fault(`write to ${write.topic}`, error);
    const code = error instanceof WriteRefused ? error.code : "internal";
    const message = error instanceof WriteRefused ? error.message : "internal error";
    send({ type: "error", code, message: message.slice(0, 1000), ref: { id: write.id, type: "write" } });
  };
  try {
    // Before the topic is looked at: whoever may not write it shall not learn that it is there.
    if (!mayWrite(principal, write.topic)) {
      throw new WriteRefused(
        "forbidden",
        `the token ${JSON.stringify(principal.label)} may not write ${write.topic}`,
      );
    }
    const payload = payloadOf(write, context);
    context.writer.write(principal, write.topic, payload, write.timeoutMs)
      .then((result) => send({ type: "result", id: write.id, ...result }), refuse);
  } catch (error) {
    refuse(error);
  }
}

function payloadOf(write: Write, context: Pick<DashboardContext, "hub">): Uint8Array {
  if ((write.base64 === undefined) === (write.value === undefined)) {
    throw new WriteRefused("bad_payload", "a write needs exactly one of `value` and `base64`");
  }
  if (write.base64 !== undefined) {
    try {
      return Uint8Array.from(atob(write.base64), (char) => char.charCodeAt(0));
    } catch {
      throw new WriteRefused("bad_payload", "`base64` is not valid base64");
    }
  }
  const topic = context.hub.topic(write.topic);
  if (!topic) throw new WriteRefused("unknown_topic", `no device has declared the topic ${write.topic}`);
  if (!topic.description.writable) {
    throw new WriteRefused("not_writable", `the device has not declared ${write.topic} as writable`);
  }
  try {
    return encode(topic.description, write.value);
  } catch (error) {
    if (error instanceof PayloadError) throw new WriteRefused("bad_payload", error.message);
    throw error;
  }
}
