/**
 * Which devices are connected, one live session each, and the `$status` topic that tells so.
 *
 * @module
 */
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import type { Clock } from "../hub/clock.ts";
import type { Hub } from "../hub/hub.ts";

/** A device that is connected. */
export interface LiveDevice {
  readonly device: string;
  readonly sessionId: string;
  readonly transportKind: string;
  readonly remote: string;
  /** Ends the session from the gateway's side. */
  end(close: CloseCode, reason: string): void;
  /**
   * The device is back on another connection before this one was known to be dead: leaves the session to be
   * taken up, where `session` and `token` are its own.
   */
  handOver?(session: string, token: string): void;
}

/** Last level of the topic that says whether a device is there. */
export const STATUS_LEVEL = "$status";

const encoder = new TextEncoder();

/** The connected devices. */
export class DeviceDirectory {
  #live = new Map<string, LiveDevice>();

  constructor(readonly parts: { hub: Hub; clock: Clock }) {}

  /** All connected devices. */
  all(): Iterable<LiveDevice> {
    return this.#live.values();
  }

  get size(): number {
    return this.#live.size;
  }

  get(device: string): LiveDevice | undefined {
    return this.#live.get(device);
  }

  /** A device is there. A former session of the same device ends: two with one name would mix their samples. */
  arrived(live: LiveDevice): void {
    const former = this.#live.get(live.device);
    this.#live.set(live.device, live);
    former?.end(CLOSE.replaced, `${live.device} connected again from ${live.remote}`);
    this.#publishOnline(live);
  }

  /** A device's samples take another transport; nothing happens when a newer session has taken its place. */
  moved(live: LiveDevice): void {
    if (this.#live.get(live.device) === live) this.#publishOnline(live);
  }

  /** A device's session is over; nothing happens when a newer one has taken its place. */
  departed(live: LiveDevice, reason: string): void {
    if (this.#live.get(live.device) !== live) return;
    this.#live.delete(live.device);
    this.publish(live.device, { online: false, reason });
  }

  #publishOnline({ device, transportKind, sessionId }: LiveDevice): void {
    this.publish(device, { online: true, transport: transportKind, session: sessionId });
  }

  /** Publishes a device's `$status`. */
  publish(
    device: string,
    status: { online: boolean; transport?: string; session?: string; reason?: string },
  ): void {
    const { hub, clock } = this.parts;
    const topic = hub.define({
      name: `${device}/${STATUS_LEVEL}`,
      deliveryClass: "state",
      encoding: "json",
      writable: false,
    });
    hub.publish(topic, clock.nowUs(), 0, encoder.encode(JSON.stringify(status)));
  }
}
