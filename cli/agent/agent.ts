/**
 * Streams a machine's figures through a device: fast ones many times a second, slow ones every few seconds.
 *
 * @module
 */
import type { Device } from "../../client/device.ts";
import type { StateChannel } from "../../client/device_channel.ts";
import { VERSION } from "../version.ts";
import { Metrics, type Reading } from "./metrics.ts";
import type { FigureSource } from "./source.ts";

/** How often load, temperatures, uptime and file systems are read, in milliseconds. */
export const SLOW_EVERY_MS = 2_000;

/** What the agent needs of a device. */
export type AgentDevice = Pick<Device, "channel" | "close" | "name">;

/** How the agent runs. */
export interface AgentOptions {
  device: AgentDevice;
  source: FigureSource;
  /** Milliseconds between readings of CPU, memory, network and disks. */
  fastEveryMs: number;
  /** A reading failed; the next one is tried all the same. */
  onError(error: unknown): void;
  /** Steady clock in milliseconds; default `performance.now`. */
  nowMs?: () => number;
  /** Calls back every `ms`; the returned function stops that. Default `setInterval`. */
  every?: (ms: number, work: () => void) => () => void;
}

/** A running agent. */
export interface Agent {
  /** Samples published so far. */
  readonly published: number;
  /** Says that it stops, and closes the device. */
  stop(): Promise<void>;
}

function everyInterval(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}

/** Starts to stream. The first readings go out at once; rates follow with the second. */
export function startAgent(options: AgentOptions): Agent {
  const { device, source, onError, nowMs = () => performance.now(), every = everyInterval } = options;
  const metrics = new Metrics();
  const publisher = new Publisher(device);
  const events = device.channel({ topic: "agent/events", class: "event", encoding: "json" });
  const tell = (event: string) => events.publish({ event, version: VERSION }).catch(onError);
  const fast = once(async () => publisher.publish(metrics.fast(await source.fast(), nowMs())), onError);
  const slow = once(async () => publisher.publish(metrics.slow(await source.slow())), onError);
  const stopFast = every(options.fastEveryMs, fast);
  const stopSlow = every(SLOW_EVERY_MS, slow);
  void tell("started");
  fast();
  slow();
  return {
    get published() {
      return publisher.published;
    },
    async stop() {
      stopFast();
      stopSlow();
      publisher.stop();
      void tell("stopped");
      await device.close();
    },
  };
}

/** Work that is left out while it is still under way: a slow disk must not pile up readings. */
function once(work: () => Promise<void>, onError: (error: unknown) => void): () => void {
  let busy = false;
  return () => {
    if (busy) return;
    busy = true;
    work().catch(onError).finally(() => busy = false);
  };
}

/** Opens a channel at a topic's first reading. */
class Publisher {
  readonly #channels = new Map<string, StateChannel>();
  readonly #device: AgentDevice;
  #stopped = false;
  published = 0;

  constructor(device: AgentDevice) {
    this.#device = device;
  }

  /** Nothing is published any more: a reading may come back after the device was closed. */
  stop(): void {
    this.#stopped = true;
  }

  publish(readings: readonly Reading[]): void {
    if (this.#stopped) return;
    for (const { topic, unit, fields, values } of readings) {
      let channel = this.#channels.get(topic);
      if (!channel) {
        channel = fields
          ? this.#device.channel({ topic, encoding: "struct", fields: [...fields] })
          : this.#device.channel({ topic, encoding: "f64", ...(unit === undefined ? {} : { unit }) });
        this.#channels.set(topic, channel);
      }
      channel.publish(
        fields ? Object.fromEntries(fields.map(({ name }, i) => [name, values[i] ?? 0])) : values[0] ?? 0,
      );
      this.published++;
    }
  }
}
