/**
 * A device's part in its session: puts the ways of its samples together, and answers what the gateway says.
 *
 * @module
 */
import { decodeAck } from "../protocol/ack.ts";
import { FRAME } from "../protocol/batch.ts";
import { parseToDevice, type ToDevice, type Welcome } from "../protocol/control.ts";
import type { LaneMove } from "../protocol/lane_health.ts";
import { MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";
import { DEFAULT_BACKOFF } from "./backoff.ts";
import { ChannelRegistry } from "./channel_registry.ts";
import type { ChannelOptions, ChannelRecord, WritableOptions } from "./device_channel.ts";
import type { DeviceOptions } from "./device_options.ts";
import { Downlink } from "./downlink.ts";
import { dialFor } from "./dialing.ts";
import { type Environment, environment } from "./environment.ts";
import { asError, ClosedError, RefusedError } from "./errors.ts";
import { EventLane } from "./event_lane.ts";
import { KeptEvents } from "./kept_events.ts";
import { Room } from "./room.ts";
import { Session } from "./session.ts";
import { StateLane } from "./state_lane.ts";
import { reportFault } from "./status.ts";
import type { EventStorage } from "./storage.ts";
import type { ClientTransport } from "./transport.ts";
import { Uplink } from "./uplink.ts";

const DEFAULT_FLUSH_MS = 5;
const DEFAULT_BUFFER_BYTES = 8_388_608;

/** All that a `Device` keeps for its program: the session and what samples and writes pass through. */
export class DeviceSession {
  readonly session: Session;
  readonly uplink: Uplink;
  readonly states: StateLane;
  readonly events: EventLane;
  /** Room to publish, and the end of what waits. */
  readonly room: Room;
  /** The device's name, as its token says; undefined before the first welcome. */
  name: string | undefined;
  readonly #env: Environment;
  readonly #options: DeviceOptions;
  readonly #registry: ChannelRegistry;
  readonly #downlink: Downlink;
  readonly #kept: KeptEvents;
  #maxPayloadBytes = MAX_PAYLOAD_BYTES;
  #gatewayKeepsBytes = 0;
  #epoch: string | undefined;

  /** Connects, or reads the storage and then connects. */
  #statesFirst = false;

  constructor(options: DeviceOptions) {
    const env = environment(options.environment);
    this.#options = options;
    this.#env = env;
    this.#kept = new KeptEvents(options.storage, options.producer, () => env.uniqueName());
    this.session = new Session({
      hello: () => this.#hello(),
      opened: (welcome, transport) => this.#opened(welcome, transport),
      text: (text) => this.#message(parseToDevice(text)),
      binary: (bytes) => this.#binary(bytes),
      beforeExchange: () => this.uplink.flush(),
      pong: (id) => this.uplink.pong(id),
      laneOpened: (lane) => this.states.open(lane, this.#gatewayKeepsBytes),
      lost: () => this.#lost(),
      closed: (error) => this.#closed(error),
      enrolled: (device, token) => options.onEnrolled?.(device, token),
    }, { env, dial: dialFor("device", options, env), backoff: { ...DEFAULT_BACKOFF, ...options.backoff } });
    this.room = new Room(env, {
      roomy: () => this.events.roomy && (this.uplink.free || !this.uplink.attached),
      empty: () => this.events.size === 0,
      ended: () => this.session.ended,
    });
    const toGatewayUs = (localUs: number) => this.session.clock.toGatewayUs(localUs);
    this.#registry = new ChannelRegistry(
      env,
      (channels) => this.session.send({ type: "advertise", channels }),
    );
    this.uplink = new Uplink(env, options.flushMs ?? DEFAULT_FLUSH_MS, {
      ping: (id) => this.session.send({ type: "ping", id }),
      room: () => this.#pump(),
    });
    this.states = new StateLane(this.uplink, env, {
      toGatewayUs,
      channel: (number) => this.#registry.get(number),
      moved: (move) => this.#moved(move),
    });
    this.events = new EventLane(this.uplink, {
      bufferBytes: options.bufferBytes ?? DEFAULT_BUFFER_BYTES,
      overflow: options.overflow ?? "reject",
      storage: options.storage,
      restored: options.storage ? this.#restore(options.storage) : Promise.resolve(),
      toGatewayUs,
      roomMade: () => this.room.changed(),
      failed: (error) => this.#complain(error),
    });
    this.#downlink = new Downlink({
      channel: (number) => this.#registry.get(number),
      sendAck: (frame) => this.session.sendFrame(frame, "control"),
      sendResult: (result) => {
        this.session.send(result);
        return this.session.open;
      },
      failed: (topic, error) =>
        this.#complain(new Error(`desired value of ${topic} was not applied`, { cause: error })),
    });
    if (!options.storage) this.session.start();
  }

  /**
   * Declares a channel, and takes up what an earlier run left of it.
   *
   * @throws {TypeError} when the topic is not valid or has a channel already.
   */
  declare(options: ChannelOptions | WritableOptions): ChannelRecord {
    const record = this.#registry.add(options);
    if (record.class === "event" && !record.options.writable) {
      this.#refill(record);
      this.events.add(record);
    }
    return record;
  }

  /**
   * Publishes a payload on a channel that the device writes.
   *
   * @returns as `publish` of the channel does.
   * @throws {RangeError} when it is above the gateway's limit.
   */
  publish(
    record: ChannelRecord,
    payload: Uint8Array,
    timeUs: number | undefined,
  ): boolean | Promise<number> {
    if (payload.length > this.#maxPayloadBytes) {
      throw new RangeError(
        `payload of ${payload.length} bytes on ${record.options.topic} is above the limit of ${this.#maxPayloadBytes}`,
      );
    }
    const nowUs = this.#env.nowUs();
    const local = timeUs === undefined;
    const time = timeUs ?? nowUs;
    if (record.class === "event") return this.events.publish(record, payload, time, local);
    return record.status.state !== "closed" && this.states.publish(record, payload, time, local, nowUs);
  }

  /** Takes a channel back. */
  withdraw(record: ChannelRecord): void {
    if (record.status.state === "closed") return;
    const known = record.status.state === "ready";
    this.uplink.flush();
    this.#registry.remove(record);
    this.events.remove(record, new ClosedError(`channel ${record.options.topic} was withdrawn`));
    if (known) this.session.send({ type: "unadvertise", channels: [record.number] });
  }

  /** Takes up what an earlier run left, then connects. Nothing is stored before. */
  async #restore(storage: EventStorage): Promise<void> {
    try {
      await Promise.resolve(); // the constructor ends first: what fails here closes a device that is complete
      await this.#kept.load(storage);
      for (const record of this.#registry.all()) {
        if (record.class === "event" && !record.options.writable) this.#refill(record);
      }
      await storage.producer(this.#kept.producer, false);
      if (!this.session.ended) this.session.start();
    } catch (error) {
      this.session.close(`storage: ${error instanceof Error ? error.message : error}`);
      throw error;
    }
  }

  #refill(record: ChannelRecord): void {
    const kept = this.#kept.take(record.options.topic);
    if (kept) this.events.restore(record, kept);
  }

  #hello(): Record<string, unknown> {
    const { client, enrol, token } = this.#options;
    return {
      producer: this.#kept.producer,
      clock: "gateway",
      ...(client === undefined ? {} : { client }),
      ...(enrol && token === undefined && !this.session.hasToken ? { enrol } : {}),
    };
  }

  #opened(welcome: Welcome, transport: ClientTransport): void {
    this.name = welcome.device;
    this.#maxPayloadBytes = welcome.limits.maxPayloadBytes;
    this.#gatewayKeepsBytes = welcome.keptBytes ?? 0;
    if (welcome.epoch !== this.#epoch) this.#downlink.reset();
    this.#epoch = welcome.epoch;
    this.uplink.attach(transport, welcome.limits.maxMessageBytes);
    this.events.attach(welcome.limits.maxUnackedBytes);
    this.#registry.attach();
  }

  #moved(move: LaneMove): void {
    this.session.moved(move);
    this.#pump();
  }

  #lost(): void {
    this.uplink.detach();
    this.events.detach();
    this.states.detach(this.#registry.all(), this.session.confirmedUs);
    this.#registry.detach();
    this.room.changed();
  }

  #closed(error: ClosedError): void {
    this.events.close(error);
    for (const record of [...this.#registry.all()]) this.#registry.remove(record);
    this.room.changed();
  }

  #binary(bytes: Uint8Array): void {
    if (bytes[0] === FRAME.ack) this.events.acknowledged(decodeAck(bytes));
    else this.#downlink.batch(bytes);
  }

  #message(message: ToDevice | undefined): void {
    if (!message) return; // a later gateway says more than this program knows
    switch (message.type) {
      case "advertised":
        return this.#advertised(message.channels);
      case "error":
        return this.#refused(message);
      default:
        return this.session.shared(message);
    }
  }

  #advertised(channels: { channel: number; last?: number }[]): void {
    for (const { channel, last = 0 } of channels) {
      const record = this.#registry.get(channel);
      if (!record) continue;
      record.status = { state: "ready" };
      if (record.options.writable) this.#downlink.ready(record);
      else if (record.class === "event" && !this.events.ready(record, last)) return this.#startOver();
    }
    this.#pump();
  }

  /** The gateway has lost what it had confirmed (another database): a new producer counts from 1. */
  #startOver(): void {
    this.events.startOver();
    this.#kept.startOver().catch((error) => this.#complain(asError(error)));
    this.session.restart("the gateway does not know this producer's events any more");
  }

  #refused({ code, message, ref }: Extract<ToDevice, { type: "error" }>): void {
    const error = new RefusedError(code, message);
    const record = ref?.channel === undefined ? undefined : this.#registry.get(ref.channel);
    if (record?.status.state === "pending") {
      record.status = { state: "refused", code, message };
      this.events.refused(record, error);
    }
    this.#complain(error);
  }

  #complain(error: Error): void {
    if (!this.#options.onError) return console.warn(`tidegate: ${error.message}`);
    try {
      this.#options.onError(error);
    } catch (fault) {
      reportFault(fault);
    }
  }

  /** Each other time the states come first, so that neither they nor the events take all of a narrow link. */
  #pump(): void {
    this.#statesFirst = !this.#statesFirst;
    if (this.#statesFirst) this.states.pump();
    this.events.pump();
    this.states.pump();
    this.room.changed();
  }
}
