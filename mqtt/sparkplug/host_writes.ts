/**
 * Takes the commands of host applications: rebirths of the node, and writes for its devices, which go the way of
 * every other write.
 *
 * @module
 */
import type { Topic } from "../../hub/topic.ts";
import type { BridgeContext } from "../bridge/context.ts";
import { BridgeWrites } from "../bridge/writes.ts";
import { REBIRTH } from "./certificates.ts";
import { carriedValue, type MetricWrite, writtenPayload } from "./commands.ts";
import type { Devices } from "./devices.ts";
import { decodePayload, type MetricIn } from "./payload.ts";

/** Takes the commands of one edge node. */
export class HostWrites {
  readonly #writes: BridgeWrites;

  constructor(
    context: BridgeContext,
    bridge: string,
    readonly devices: Devices,
    readonly dropped: (reason: string, detail: string) => void,
  ) {
    this.#writes = new BridgeWrites(context, bridge);
  }

  /** Whether an NCMD asks for a rebirth; nothing else of the node can be written. */
  asksForRebirth(bytes: Uint8Array): boolean {
    let asks = false;
    for (const metric of this.#metrics(bytes)) {
      const { name, alias, value } = metric;
      if (name === REBIRTH && value?.wire === "boolean") asks ||= value.value === true;
      else this.dropped("not_writable", `the node has no metric ${name ?? alias} of that type to be written`);
    }
    return asks;
  }

  /** Takes a DCMD. */
  take(deviceName: string, bytes: Uint8Array): void {
    const device = this.devices.get(deviceName);
    if (!device) return this.dropped("no_device", `a command for ${deviceName}, which is not known`);
    const writes = new Map<Topic, MetricWrite[]>();
    for (const given of this.#metrics(bytes)) {
      const found = device.find(given);
      if (!found?.metric.writable) {
        const which = found?.metric.name ?? given.name ?? `with the alias ${given.alias}`;
        this.dropped("not_writable", `no metric ${which} of ${deviceName} can be written`);
        continue;
      }
      const value = carriedValue(found.metric, given);
      if (typeof value === "object" && "problem" in value) this.dropped("bad_payload", value.problem);
      else writes.set(found.topic, [...writes.get(found.topic) ?? [], { metric: found.metric, value }]);
    }
    for (const [topic, metrics] of writes) this.#write(topic, metrics);
  }

  #metrics(bytes: Uint8Array): MetricIn[] {
    const payload = decodePayload(bytes);
    if (!("problem" in payload)) return payload.metrics;
    this.dropped("bad_payload", payload.problem);
    return [];
  }

  #write(topic: Topic, metrics: readonly MetricWrite[]): void {
    const payload = writtenPayload(topic, metrics);
    if ("problem" in payload) return this.dropped("bad_payload", payload.problem);
    this.#writes.write(topic.name, payload, ({ status, message }) => {
      if (status === "failed" || status === "timeout") {
        this.dropped("write_refused", `${topic.name}: ${message ?? status}`);
      }
    });
  }
}
