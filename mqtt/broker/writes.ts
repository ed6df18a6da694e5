/**
 * Desired values and commands that clients of the embedded broker publish to `…/set` and `…/cmd`.
 *
 * @module
 */
import { WriteRefused } from "../../hub/writing.ts";
import { PayloadError } from "../../payload/payload.ts";
import { recoded } from "../payload.ts";
import type { Inbound } from "../topics.ts";
import type { BrokerContext } from "./context.ts";
import type { MqttPeer } from "./peer.ts";

/** Takes one to the device behind the topic. What is refused is counted and logged: MQTT 3.1.1 has no answer for it. */
export function writeTo(
  context: BrokerContext,
  peer: MqttPeer,
  { name, level }: Extract<Inbound, { kind: "write" }>,
  payload: Uint8Array,
): void {
  const { hub, downlinks, counters, log } = context;
  // A device that is on MQTT itself declares `…/set`; one on another transport the topic without it.
  const own = hub.topic(`${name}/${level}`);
  const topic = own?.description.writable ? own : hub.topic(name);
  const refused = (message: string) => {
    counters.add("mqtt_broker", "write_refused");
    log("warn", `MQTT client ${peer.remote}: writing ${name} was refused: ${message}`);
  };
  if (!topic) return refused(`no device has declared the topic ${name}`);
  try {
    const encoded = recoded(topic.description, payload);
    downlinks.write(peer.principal, topic.name, encoded).then(
      ({ status, message }) => {
        if (status === "failed" || status === "timeout") refused(`${status}: ${message ?? ""}`);
      },
      (error) => error instanceof WriteRefused ? refused(error.message) : context.fault("mqtt write", error),
    );
  } catch (error) {
    if (!(error instanceof PayloadError)) throw error;
    refused(error.message);
  }
}
