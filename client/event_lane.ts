/**
 * The event channels of a device: what was published is kept until the gateway has it on disk, sent again after
 * a lost connection, and never more of it under way than the gateway allows.
 *
 * @module
 */
import type { Acknowledgement } from "../protocol/ack.ts";
import type { ChannelRecord } from "./device_channel.ts";
import { asError, BufferFullError, type ClosedError, DroppedError, RefusedError } from "./errors.ts";
import { eventCost, type QueuedEvent } from "./event_queue.ts";
import type { EventStorage, StoredTopic } from "./storage.ts";
import type { Uplink } from "./uplink.ts";

/** What happens to an event that does not fit into the buffer. */
export type OverflowPolicy = "reject" | "drop-oldest";

/** How the lane keeps events. */
export interface EventLaneOptions {
  bufferBytes: number;
  overflow: OverflowPolicy;
  storage: EventStorage | undefined;
  /** Resolves when the storage has been read; nothing is appended to it before. */
  restored: Promise<void>;
  /** Turns our clock's time into the gateway's. */
  toGatewayUs(localUs: number): number;
  /** The buffer has room again. */
  roomMade(): void;
  /** The storage did not take note of an acknowledgement. */
  failed(error: Error): void;
}

/** Sends event samples. */
export class EventLane {
  /** Bytes of events that wait, sent or not. */
  bytes = 0;
  /** Events refused or dropped for lack of room. */
  overflowed = 0;
  #channels = new Map<number, ChannelRecord>();
  #inFlightBytes = 0;
  #maxInFlightBytes = 0;
  /** Where the next round begins, so that a busy channel does not starve the ones behind it. */
  #turn = 0;

  readonly #uplink: Uplink;
  readonly #options: EventLaneOptions;

  constructor(uplink: Uplink, options: EventLaneOptions) {
    this.#uplink = uplink;
    this.#options = options;
    options.restored.catch(() => {}); // each event that waits for it rejects; without any there is nobody to tell
  }

  get size(): number {
    let size = 0;
    for (const channel of this.#channels.values()) size += channel.queue.size;
    return size;
  }

  /** Whether the buffer has room for a good while. */
  get roomy(): boolean {
    return this.bytes <= this.#options.bufferBytes / 2;
  }

  add(channel: ChannelRecord): void {
    this.#channels.set(channel.number, channel);
  }

  /** Takes a channel out; what waits on it rejects. */
  remove(channel: ChannelRecord, error: Error): void {
    this.#channels.delete(channel.number);
    this.#fail(channel, error);
  }

  /** Puts what an earlier run left in front of a channel's queue. */
  restore(channel: ChannelRecord, { acknowledged, events }: StoredTopic): void {
    const queued = events.map((event) => ({ ...event, stored: true, resolve: () => {}, reject: () => {} }));
    for (const event of queued) this.bytes += eventCost(event);
    channel.queue.restore(acknowledged, queued);
  }

  /** Queues an event; `payload` is copied. Resolves to its sequence when it is on the gateway's disk. */
  publish(channel: ChannelRecord, payload: Uint8Array, timeUs: number, local: boolean): Promise<number> {
    const promise = new Promise<number>((resolve, reject) => {
      const { status } = channel;
      if (status.state === "refused") return reject(new RefusedError(status.code, status.message));
      const event = {
        timeUs,
        local,
        payload: payload.slice(),
        stored: this.#options.storage === undefined,
        resolve,
        reject,
      };
      if (!this.#makeRoom(channel, eventCost(event))) {
        this.overflowed++;
        return reject(new BufferFullError(this.bytes, this.#options.bufferBytes));
      }
      this.bytes += eventCost(event);
      channel.queue.push(event);
      void this.#store(channel, event);
      this.pump();
    });
    promise.catch(() => {}); // who looks at the promise sees the rejection; who does not is not ended by it
    return promise;
  }

  /** A connection is there. */
  attach(maxUnackedBytes: number): void {
    this.#maxInFlightBytes = maxUnackedBytes;
    this.#inFlightBytes = 0;
  }

  /** The connection is gone: everything not acknowledged is to be sent again. */
  detach(): void {
    this.#inFlightBytes = 0;
    for (const channel of this.#channels.values()) channel.queue.rewind();
  }

  /**
   * The gateway has taken a channel and says what it has on disk of it.
   *
   * @returns false when it has forgotten events that it had acknowledged: the sequence must start over.
   */
  ready(channel: ChannelRecord, last: number): boolean {
    if (!channel.queue.agree(last)) return false;
    this.#acknowledge(channel, last);
    return true;
  }

  /** Numbers every channel's events from 1 again. */
  startOver(): void {
    for (const channel of this.#channels.values()) channel.queue.startOver();
  }

  acknowledged(acks: Acknowledgement[]): void {
    for (const { channel: number, sequence } of acks) {
      const channel = this.#channels.get(number);
      if (channel) this.#acknowledge(channel, sequence);
    }
    this.pump();
  }

  /** The gateway refuses the channel: nothing on it will ever be taken. */
  refused(channel: ChannelRecord, error: RefusedError): void {
    this.#fail(channel, error);
  }

  /** Sends what waits, as far as the link and the limit let it. */
  pump(): void {
    const channels = [...this.#channels.values()];
    for (let i = 0; i < channels.length; i++) {
      const channel = channels[(this.#turn + i) % channels.length]!;
      if (channel.status.state === "ready" && !this.#pumpChannel(channel)) {
        this.#turn = (this.#turn + i + 1) % channels.length;
        return;
      }
    }
  }

  /** Everything that waits rejects. */
  close(error: ClosedError): void {
    for (const channel of this.#channels.values()) this.#fail(channel, error);
  }

  /** Sends what waits on one channel; returns whether there is still room for others. */
  #pumpChannel(channel: ChannelRecord): boolean {
    const { queue } = channel;
    for (let next = queue.next(); next; next = queue.next()) {
      const { event, sequence } = next;
      const cost = eventCost(event);
      if (!this.#uplink.free) return false;
      if (this.#inFlightBytes + cost > this.#maxInFlightBytes && this.#inFlightBytes > 0) return false;
      this.#inFlightBytes += cost;
      const timeUs = event.local ? this.#options.toGatewayUs(event.timeUs) : event.timeUs;
      queue.markSent();
      this.#uplink.add("control", channel.number, sequence, timeUs, event.payload);
    }
    return true;
  }

  #acknowledge(channel: ChannelRecord, sequence: number): void {
    const { done, sent } = channel.queue.acknowledge(sequence);
    const last = done.at(-1);
    if (!last) return;
    for (const [i, { event, sequence }] of done.entries()) {
      const cost = eventCost(event);
      this.bytes -= cost;
      if (i < sent) this.#inFlightBytes -= cost;
      event.resolve(sequence);
    }
    void this.#noteAcknowledged(channel.options.topic, last.sequence);
    this.#options.roomMade();
  }

  #makeRoom(channel: ChannelRecord, cost: number): boolean {
    const { bufferBytes, overflow } = this.#options;
    while (this.bytes + cost > bufferBytes) {
      const dropped = overflow === "drop-oldest" ? channel.queue.dropOldestUnsent() : undefined;
      if (!dropped) return false;
      this.bytes -= eventCost(dropped);
      this.overflowed++;
      dropped.reject(new DroppedError(`dropped for a newer event: the buffer holds ${bufferBytes} bytes`));
    }
    return true;
  }

  async #noteAcknowledged(topic: string, sequence: number): Promise<void> {
    try {
      await this.#options.storage?.acknowledged(topic, sequence);
    } catch (error) {
      this.#options.failed(asError(error));
    }
  }

  async #store(channel: ChannelRecord, event: QueuedEvent): Promise<void> {
    const { storage, restored } = this.#options;
    if (!storage) return;
    const { timeUs, local, payload } = event;
    try {
      await restored;
      await storage.append(channel.options.topic, { timeUs, local, payload });
      event.stored = true;
    } catch (error) {
      if (channel.queue.remove(event)) this.bytes -= eventCost(event);
      event.reject(asError(error));
    }
    this.pump();
  }

  #fail(channel: ChannelRecord, error: Error): void {
    for (const event of channel.queue.clear()) {
      this.bytes -= eventCost(event);
      event.reject(error);
    }
    this.#options.roomMade();
  }
}
