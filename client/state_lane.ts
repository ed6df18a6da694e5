/**
 * The state channels of a device: samples go straight into the batch; without a free link the newest waits.
 *
 * @module
 */
import type { ChannelRecord } from "./device_channel.ts";
import type { Uplink } from "./uplink.ts";

/** Sends state samples. */
export class StateLane {
  /** Samples replaced by newer ones before they were sent. */
  conflated = 0;
  #waiting = new Set<ChannelRecord>();

  /** `toGatewayUs` turns our clock's time into the gateway's. */
  constructor(private readonly uplink: Uplink, private readonly toGatewayUs: (localUs: number) => number) {}

  /** Sends a sample or keeps it; returns whether it is on its way. `payload` is copied. */
  publish(channel: ChannelRecord, payload: Uint8Array, timeUs: number, local: boolean): boolean {
    if (channel.status.state !== "ready" || !this.uplink.free) {
      this.#keep(channel, payload, timeUs, local);
      return false;
    }
    const time = local ? this.toGatewayUs(timeUs) : timeUs;
    this.uplink.add("state", channel.number, ++channel.sequence, time, payload);
    return true;
  }

  /** Sends what waits, as far as the link and the channels let it. */
  pump(): void {
    for (const channel of this.#waiting) {
      if (!this.uplink.free) return;
      const { kept } = channel;
      if (channel.status.state === "closed" || !kept) this.#waiting.delete(channel);
      if (channel.status.state !== "ready" || !kept) continue;
      this.#waiting.delete(channel);
      channel.kept = undefined;
      this.publish(channel, kept.bytes.subarray(0, kept.length), kept.timeUs, kept.local);
    }
  }

  #keep(channel: ChannelRecord, payload: Uint8Array, timeUs: number, local: boolean): void {
    const { length } = payload;
    const old = channel.kept;
    if (old) this.conflated++;
    const bytes = old && old.bytes.length >= length ? old.bytes : new Uint8Array(length);
    bytes.set(payload);
    if (old) Object.assign(old, { bytes, length, timeUs, local });
    else channel.kept = { bytes, length, timeUs, local };
    this.#waiting.add(channel);
  }
}
