/**
 * Simulated devices that send at their rate.
 *
 * @module
 */
import type { Device } from "../../client/device.ts";
import type { EventChannel, StateChannel } from "../../client/device_channel.ts";
import { due } from "./pace.ts";
import { type PayloadMaker, payloadMaker, type Shape } from "./payload.ts";

/** What the fleet needs of a device. */
export type FleetDevice = Pick<Device, "channel" | "close" | "opened" | "stats" | "status">;

/** How long events that were sent may take to be confirmed, in milliseconds: they are what the run is judged by. */
const DRAIN_MS = 10_000;

/** What every device of the fleet sends. */
export interface Load {
  rateHz: number;
  bytes: number;
  deliveryClass: "state" | "event";
  shape: Shape;
}

/** Counts over the whole fleet. */
export interface FleetCounts {
  devices: number;
  /** Devices that are connected now. */
  open: number;
  /** Samples handed to the connection. */
  sent: number;
  /** Events that the gateway has on disk. */
  acked: number;
  /** Events that were refused or lost. */
  failed: number;
  /** State samples that a newer one replaced before they could leave. */
  conflated: number;
  /** Samples left out because this machine did not keep up. */
  skipped: number;
}

interface Member {
  device: FleetDevice;
  payloads: PayloadMaker;
  channel: StateChannel | EventChannel;
  done: number;
}

/** Devices under one load. */
export class Fleet {
  readonly #members: Member[];
  readonly #load: Load;
  #sent = 0;
  #acked = 0;
  #failed = 0;
  #skipped = 0;

  constructor(devices: readonly FleetDevice[], load: Load) {
    this.#load = load;
    this.#members = devices.map((device, i): Member => {
      const payloads = payloadMaker(load.bytes, load.shape, i);
      const { encoding, fields } = payloads;
      const what = { topic: "value", encoding, ...(fields ? { fields } : {}) };
      const channel = load.deliveryClass === "event"
        ? device.channel({ ...what, class: "event" })
        : device.channel(what);
      return { device, payloads, channel, done: 0 };
    });
  }

  /** Resolves when all are connected; rejects when one is turned away for good. */
  async opened(): Promise<void> {
    await Promise.all(this.#members.map(({ device }) => device.opened()));
  }

  /** Sends what is due `seconds` after the start. */
  tick(seconds: number): void {
    const { rateHz } = this.#load;
    for (const [i, member] of this.#members.entries()) {
      if (member.device.status.state !== "open") continue;
      const { send, skip } = due(seconds, rateHz, i / this.#members.length, member.done);
      member.done += skip;
      this.#skipped += skip;
      for (let n = 0; n < send; n++) this.#publish(member, seconds);
    }
  }

  #publish(member: Member, seconds: number): void {
    const outcome = member.channel.publish(member.payloads.make(member.done++, seconds));
    this.#sent++;
    if (typeof outcome === "boolean") return;
    outcome.then(() => this.#acked++, () => this.#failed++);
  }

  get counts(): FleetCounts {
    const conflated = this.#members.reduce((sum, { device }) => sum + device.stats.conflatedSamples, 0);
    const open = this.#members.filter(({ device }) => device.status.state === "open").length;
    return {
      devices: this.#members.length,
      open,
      sent: this.#sent,
      acked: this.#acked,
      failed: this.#failed,
      conflated,
      skipped: this.#skipped,
    };
  }

  /** Waits for what is unconfirmed, for some seconds, and closes all devices. */
  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ device }) => device.close({ drainMs: DRAIN_MS })));
  }
}
