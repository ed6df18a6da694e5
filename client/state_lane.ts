/**
 * The state channels of a device: samples go straight into the batch; without a free link the newest waits, and
 * after a lost connection the newest that may not have arrived goes out again. So whatever was lost, the gateway
 * ends up with the last value of every channel.
 *
 * @module
 */
import { MAX_STATE_PAYLOAD_BYTES } from "../protocol/limits.ts";
import type { LaneMove } from "../protocol/lane_health.ts";
import { type RawLane, StateOutlet } from "../protocol/state_lane.ts";
import type { StateStream } from "../protocol/state_stream.ts";
import type { ChannelRecord, NewestValue } from "./device_channel.ts";
import { type Environment, laneTimers } from "./environment.ts";
import type { LaneListener } from "./lane_dialer.ts";
import type { Uplink } from "./uplink.ts";

/** What a {@link StateLane} needs of the runtime. */
export type StateLaneEnvironment = Pick<Environment, "nowUs" | "afterTurn" | "timer">;

/** What a {@link StateLane} needs of its device. */
export interface StateLaneOwner {
  /** Our clock's time in the gateway's. */
  toGatewayUs(localUs: number): number;
  /** The channel of this number, while there is one. */
  channel(number: number): ChannelRecord | undefined;
  /** Samples take another way from here on. */
  moved(move: LaneMove): void;
}

/** Sends state samples. */
export class StateLane {
  /** Samples replaced by newer ones before they were sent. */
  conflated = 0;
  #waiting = new Set<ChannelRecord>();
  /** Those of the waiting whose newest sample may have arrived: it keeps its sequence, so that it is taken once. */
  #again = new Set<ChannelRecord>();
  #outlet: StateOutlet | undefined;
  #pumping = false;
  #stream: StateStream | undefined;
  readonly #uplink: Uplink;
  readonly #env: StateLaneEnvironment;
  readonly #owner: StateLaneOwner;

  constructor(uplink: Uplink, env: StateLaneEnvironment, owner: StateLaneOwner) {
    this.#uplink = uplink;
    this.#env = env;
    this.#owner = owner;
  }

  /**
   * Sends a sample or keeps it; `payload` is copied.
   *
   * @returns Whether it is on its way.
   */
  publish(
    channel: ChannelRecord,
    payload: Uint8Array,
    timeUs: number,
    local: boolean,
    nowUs: number,
  ): boolean {
    const newest = remember(channel, payload, timeUs, local);
    if (channel.status.state !== "ready" || !this.#free) {
      if (this.#waiting.has(channel)) this.conflated++;
      else this.#waiting.add(channel);
      return false;
    }
    this.#waiting.delete(channel);
    this.#again.delete(channel);
    this.#send(channel, newest, payload, nowUs);
    return true;
  }

  /** A lane beside the connection is open; it is used while it carries. `keptBytes`: what the gateway keeps for differences. */
  open(lane: RawLane, keptBytes: number): LaneListener {
    const outlet: StateOutlet = new StateOutlet(lane, laneTimers(this.#env), {
      moved: (move) => this.#moved(outlet, move),
      doubtful: (doubtful) => this.#doubtful(doubtful),
    });
    outlet.sender.receiverKeeps(keptBytes);
    return {
      message: (bytes) => outlet.message(bytes),
      closed: (cause) => {
        const wasUp = outlet.up;
        outlet.close();
        if (wasUp) this.#moved(outlet, { to: "websocket", cause });
      },
    };
  }

  #moved(outlet: StateOutlet, move: LaneMove): void {
    if (move.to === "webrtc") this.#up(outlet);
    else this.#down();
    this.#owner.moved(move);
  }

  /** A lane beside the connection carries from here on. */
  #up(outlet: StateOutlet): void {
    this.#uplink.flush(); // what was gathered for the connection goes before
    this.#outlet = outlet;
    this.#stream = outlet.sender.stream(0);
  }

  /** While it is in doubt, what it has not confirmed goes over the connection too: the gateway takes a sample once. */
  #doubtful(doubtful: boolean): void {
    if (!this.#stream) return;
    this.#stream.doubling = doubtful;
    this.#sendDoubles();
  }

  /** It carries no more: what it has not confirmed waits for the connection. */
  #down(): void {
    const stream = this.#stream;
    if (!stream || !this.#outlet) return;
    this.#outlet.sender.end(stream);
    this.#outlet = this.#stream = undefined;
    for (const slot of stream.unconfirmed()) {
      const record = this.#owner.channel(slot.channel);
      if (!record || record.sequence !== slot.offset) continue;
      this.#waiting.add(record);
      this.#again.add(record);
    }
  }

  /** Whether a sample can be sent now; a lane holds the newest itself while it is busy. */
  get #free(): boolean {
    return this.#stream !== undefined || this.#uplink.free;
  }

  /** Sends what waits, as far as the link and the channels let it. */
  pump(): void {
    this.#sendDoubles();
    for (const channel of this.#waiting) {
      if (!this.#free) return;
      if (channel.status.state === "closed" || !channel.newest) this.#waiting.delete(channel);
      else if (channel.status.state === "ready") {
        this.#waiting.delete(channel);
        const { newest } = channel;
        this.#send(channel, newest, newest.bytes.subarray(0, newest.length), this.#env.nowUs());
      }
    }
  }

  /** The connection is gone: of what was sent after `confirmedUs`, by our clock, nobody knows whether it arrived. */
  detach(channels: Iterable<ChannelRecord>, confirmedUs: number): void {
    for (const channel of channels) {
      const sentUs = channel.newest?.sentUs;
      if (sentUs !== undefined && sentUs >= confirmedUs) this.#waiting.add(channel);
    }
  }

  #sendDoubles(): void {
    if (!this.#stream?.doubling || !this.#uplink.free) return;
    for (const { channel, offset, timeUs, bytes, length } of this.#stream.takeDoubles()) {
      this.#uplink.add("state", channel, offset, timeUs, bytes.subarray(0, length));
    }
  }

  #send(channel: ChannelRecord, newest: NewestValue, payload: Uint8Array, nowUs: number): void {
    newest.sentUs = nowUs;
    const time = newest.local ? this.#owner.toGatewayUs(newest.timeUs) : newest.timeUs;
    const sequence = this.#again.delete(channel) ? channel.sequence : ++channel.sequence;
    if (this.#stream && this.#outlet && payload.length <= MAX_STATE_PAYLOAD_BYTES) {
      this.#stream.put(channel.number, sequence, Math.floor(time), payload);
      this.#pumpSoon(this.#outlet);
    } else {
      this.#uplink.add("state", channel.number, sequence, time, payload);
    }
  }

  /** Samples of one turn share messages. */
  #pumpSoon(outlet: StateOutlet): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#env.afterTurn(() => {
      this.#pumping = false;
      outlet.pump();
      this.#sendDoubles();
    });
  }
}

/** Copies the value into the channel's buffer; makes a larger one where it does not fit. */
function remember(channel: ChannelRecord, payload: Uint8Array, timeUs: number, local: boolean): NewestValue {
  const { length } = payload;
  let newest = channel.newest;
  if (!newest || newest.bytes.length < length) {
    newest = { bytes: new Uint8Array(Math.max(16, length)), length, timeUs, local, sentUs: undefined };
    channel.newest = newest;
  }
  if (length <= LOOP_COPY_BYTES) { for (let i = 0; i < length; i++) newest.bytes[i] = payload[i]!; }
  else newest.bytes.set(payload);
  newest.length = length;
  newest.timeUs = timeUs;
  newest.local = local;
  newest.sentUs = undefined;
  return newest;
}

/** Below this a loop copies faster than the call into `set`. */
const LOOP_COPY_BYTES = 48;
