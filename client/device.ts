/**
 * A device: publishes samples, takes what others write to it.
 *
 * @module
 */
import type {
  Channel,
  ChannelOptions,
  EventChannel,
  PublishOptions,
  StateChannel,
  WritableOptions,
} from "./device_channel.ts";
import type { DeviceOptions, DeviceStats } from "./device_options.ts";
import { DeviceSession } from "./device_session.ts";
import { ClosedError } from "./errors.ts";
import type { Status, StatusListener } from "./status.ts";
import { encoderOf, type Value } from "./value.ts";

export type { DeviceOptions, DeviceStats } from "./device_options.ts";

/** How long `close` waits for events to be confirmed, in milliseconds, unless told otherwise. */
const DEFAULT_DRAIN_MS = 2_000;

/** Connects a device. It keeps itself connected until `close()`, or until the gateway turns it away for good. */
export function connectDevice(options: DeviceOptions): Device {
  return new Device(options);
}

/**
 * A connected device.
 *
 * @example
 * ```ts
 * import { connectDevice } from "./mod.ts";
 *
 * const device = connectDevice({ url: "http://127.0.0.1:8080", token: "…" });
 * const temperature = device.channel({ topic: "temperature", encoding: "f64", unit: "°C" });
 * const alarms = device.channel({ topic: "alarms", class: "event", encoding: "json" });
 * temperature.publish(21.5);
 * await alarms.publish({ level: "high" }); // on the gateway's disk
 * await device.close();
 * ```
 */
export class Device implements AsyncDisposable {
  readonly #own: DeviceSession;

  constructor(options: DeviceOptions) {
    if (options.storage && options.overflow === "drop-oldest") {
      throw new TypeError("overflow drop-oldest cannot go with storage: a stored event keeps its number");
    }
    this.#own = new DeviceSession(options);
  }

  get status(): Status {
    return this.#own.session.board.status;
  }

  /** Tells `listener` the status now and at each change; the returned function stops that. */
  onStatus(listener: StatusListener): () => void {
    return this.#own.session.board.watch(listener);
  }

  /** Resolves when the session is open; rejects with {@link ClosedError} when it never will be. */
  opened(): Promise<void> {
    return this.#own.session.opened();
  }

  /** The device's name, as its token says; undefined before the first welcome. */
  get name(): string | undefined {
    return this.#own.name;
  }

  /** Gateway time now, microseconds since 1970. `status.clockErrorMs` bounds its error. */
  nowUs(): number {
    return this.#own.session.nowUs();
  }

  /** Counts of what waits and what was left out. */
  get stats(): DeviceStats {
    return {
      pendingEvents: this.#own.events.size,
      pendingBytes: this.#own.events.bytes,
      overflowedEvents: this.#own.events.overflowed,
      conflatedSamples: this.#own.states.conflated,
    };
  }

  /**
   * Declares a channel: something the device publishes or, with `writable`, something that others write.
   *
   * @throws {TypeError} when the topic is not valid or has a channel already.
   */
  channel(options: WritableOptions): Channel;
  channel(options: ChannelOptions<"event"> & { class: "event" }): EventChannel;
  channel(options: ChannelOptions<"state">): StateChannel;
  channel(options: ChannelOptions | WritableOptions): Channel {
    this.#assertOpen();
    const record = this.#own.declare(options);
    const channel = {
      topic: options.topic,
      get status() {
        return record.status;
      },
      close: () => this.#own.withdraw(record),
    };
    if (record.options.writable) return channel;
    const encode = encoderOf(options.encoding ?? "raw", options.fields);
    const publish = (value: Value, { timeUs }: PublishOptions = {}) =>
      this.#own.publish(record, encode(value), timeUs);
    return Object.defineProperty(channel, "publish", { value: publish, enumerable: true });
  }

  /**
   * Backpressure: resolves when there is room, that is, when the link keeps up and at most half of the event
   * buffer is taken. Resolves without a connection too as long as the buffer has room.
   *
   * @throws {ClosedError} when the connection is closed for good.
   */
  async ready(): Promise<void> {
    await this.#own.room.ready();
    this.#assertOpen();
  }

  /** Sends what is gathered without waiting for `flushMs`. */
  flush(): void {
    this.#own.uplink.flush();
  }

  /** Cuts the wait before the next attempt to connect short. */
  retryNow(): void {
    this.#own.session.retryNow();
  }

  /**
   * Ends the session: waits for events to be confirmed, for `drainMs` at most (default 2000), and says bye.
   * Events that are still unconfirmed then reject with {@link ClosedError}; with `storage` the next run sends
   * them.
   */
  async close(options: { drainMs?: number; reason?: string } = {}): Promise<void> {
    this.#own.uplink.flush();
    await this.#own.room.drained(options.drainMs ?? DEFAULT_DRAIN_MS);
    this.#own.session.close(options.reason ?? "closed by the program");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assertOpen(): void {
    const { status } = this;
    if (status.state === "closed") throw new ClosedError(status.reason);
  }
}
