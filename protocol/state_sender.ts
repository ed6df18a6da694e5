/**
 * The sending end of the state lane: newest values in, messages out. Pure: no clock, timer or socket; the owner
 * says what time it is, sends what `next` returns, and comes back at `wakeAtMs`.
 *
 * Each message has a number, and the receiver says which numbers have come. A value whose message is not
 * confirmed within about a round trip goes out again, and then as the newest one: the old value is never sent a
 * second time. So a lost message costs one round trip, not a queue behind it, and when the source stops changing
 * the receiver ends up with the last value of every topic.
 *
 * @module
 */
import { BatchWriter, FRAME, MAX_RECORD_OVERHEAD_BYTES } from "./batch.ts";
import { MAX_STATE_PAYLOAD_BYTES, STATE_MESSAGE_BYTES } from "./limits.ts";
import { LaneHealth, type LaneMove } from "./lane_health.ts";
import { confirmedNumbers, decodeConfirmation } from "./state_frame.ts";
import { writeVarint } from "./varint.ts";

/** While samples are unconfirmed something goes out this often, in milliseconds: SCTP notices a lost last packet only by what follows it, or after a whole second. */
export const HEARTBEAT_MS = 40;

/** A message this many numbers below one that was confirmed later is taken for lost: as many as TCP allows to be overtaken. */
const OVERTAKEN = 3;

/** Most bytes of a message: one large sample with its headers. */
const MAX_BYTES = MAX_STATE_PAYLOAD_BYTES + 2 * MAX_RECORD_OVERHEAD_BYTES;

/** With less room than this left, a message is full: a header of a section and one small sample. */
const LEAST_ROOM_BYTES = 32;

/** Bytes of a section's length: enough for {@link MAX_BYTES}. */
const LENGTH_BYTES = 2;

/** The newest sample of one channel, and what is known of its way. */
export interface StateSlot {
  readonly stream: StateStream;
  readonly channel: number;
  offset: number;
  timeUs: number;
  /** Payload is `bytes[0, length)`. */
  bytes: Uint8Array;
  length: number;
  /** Waits to be sent. */
  queued: boolean;
  /** The receiver has this very sample. */
  confirmed: boolean;
  /** Number of the last message that carried a sample of it. */
  message: number;
}

/** A given-up message is remembered for so long, in milliseconds, so that a late confirmation still tells the round trip. */
const REMEMBER_MS = 3_000;

/** A message that is not confirmed. */
interface UnderWay {
  sentMs: number;
  /** Taken for lost: its samples are on their way again. */
  given: boolean;
  /** false for a heartbeat, which nobody waits for. */
  awaited: boolean;
  slots: StateSlot[];
  offsets: number[];
}

/** Samples with one feed number; a device has a single stream with feed 0. */
export class StateStream {
  /** Samples that a newer one replaced before they were sent, while the stream waited for its turn. */
  skippedByRate = 0;
  /** The same while the lane was busy. */
  conflated = 0;
  /** Samples that went out, those that went again included. */
  sent = 0;
  open = true;
  readonly writer: BatchWriter;
  readonly #slots = new Map<number, StateSlot>();
  #waiting: StateSlot[] = [];
  #ready: StateSlot[] = [];
  #head = 0;
  #turnMs = -Infinity;

  readonly intervalMs: number;

  /** @param intervalMs Shortest time between two turns; a turn has at most one sample of each channel. */
  constructor(feed: number, intervalMs: number) {
    this.intervalMs = intervalMs;
    this.writer = new BatchWriter({ maxBytes: MAX_BYTES, feed });
  }

  /** Keeps a copy of the newest sample of a channel. */
  put(
    channel: number,
    offset: number,
    timeUs: number,
    bytes: Uint8Array,
    start = 0,
    end: number = bytes.length,
  ): void {
    const length = end - start;
    let slot = this.#slots.get(channel);
    if (!slot) {
      slot = {
        stream: this,
        channel,
        offset,
        timeUs,
        bytes: new Uint8Array(Math.max(16, length)),
        length,
        queued: false,
        confirmed: false,
        message: 0,
      };
      this.#slots.set(channel, slot);
    } else if (slot.bytes.length < length) {
      slot.bytes = new Uint8Array(length);
    }
    slot.bytes.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    slot.length = length;
    slot.offset = offset;
    slot.timeUs = timeUs;
    slot.confirmed = false;
    if (!slot.queued) {
      slot.queued = true;
      this.#waiting.push(slot);
    } else if (this.intervalMs > 0) this.skippedByRate++;
    else this.conflated++;
  }

  /** Every newest sample that the receiver is not known to have. */
  *unconfirmed(): Generator<Readonly<StateSlot>> {
    for (const slot of this.#slots.values()) if (!slot.confirmed) yield slot;
  }

  /** When it has something to send: a time not above now, later, or Infinity. */
  dueMs(): number {
    if (this.#head < this.#ready.length) return -Infinity;
    return this.#waiting.length > 0 ? this.#turnMs + this.intervalMs : Infinity;
  }

  /** The next sample to send, which stays in its place until {@link taken}. */
  peek(nowMs: number): StateSlot | undefined {
    if (this.#head >= this.#ready.length) {
      if (this.#waiting.length === 0 || nowMs < this.#turnMs + this.intervalMs) return undefined;
      this.#ready = this.#waiting;
      this.#head = 0;
      this.#waiting = [];
      this.#turnMs = nowMs;
    }
    return this.#ready[this.#head];
  }

  /** The sample that `peek` returned is in a message. */
  taken(slot: StateSlot, message: number): void {
    this.#head++;
    this.sent++;
    slot.queued = false;
    slot.message = message;
  }

  /** A message is lost: of its channels those that nothing newer has gone out for are sent again, at once. */
  again(slot: StateSlot, message: number): boolean {
    if (slot.message !== message || slot.queued || slot.confirmed) return false;
    slot.queued = true;
    this.#ready.push(slot);
    return true;
  }
}

/** Sends the newest values of any number of streams over one lane. */
export class StateSender {
  readonly health = new LaneHealth();
  readonly #streams: StateStream[] = [];
  readonly #underWay = new Map<number, UnderWay>();
  readonly #buffer = new Uint8Array(MAX_BYTES);
  #awaited = 0;
  #number = 0;
  /** No message below this number is awaited or may yet be given up. */
  #live = 1;
  #sentMs = -Infinity;
  /** When `next` was called last. */
  #askedMs = 0;

  /** Adds a stream. `maxHz`: at most so many samples a second of each channel. */
  stream(feed: number, maxHz?: number): StateStream {
    const stream = new StateStream(feed, maxHz === undefined ? 0 : 1_000 / maxHz);
    this.#streams.push(stream);
    return stream;
  }

  /** Ends a stream; what it has not sent is not sent any more. */
  end(stream: StateStream): void {
    stream.open = false;
    const at = this.#streams.indexOf(stream);
    if (at >= 0) this.#streams.splice(at, 1);
  }

  /**
   * Takes a confirmation in.
   *
   * @throws {ProtocolError} with `bad_frame`.
   */
  confirmed(frame: Uint8Array, nowMs: number): void {
    const confirmation = decodeConfirmation(frame);
    const { highest, heldUs } = confirmation;
    const newest = this.#underWay.get(highest);
    if (newest) this.health.roundTrip(Math.max(0, nowMs - newest.sentMs - heldUs / 1_000));
    let news = 0;
    confirmedNumbers(confirmation, (number) => {
      const one = this.#underWay.get(number);
      if (!one) return;
      news++;
      this.#underWay.delete(number);
      if (!one.given && one.awaited) this.#awaited--;
      one.slots.forEach((slot, i) => {
        if (slot.offset === one.offsets[i]) slot.confirmed = true;
      });
    });
    if (news === 0) return;
    this.#giveUp(nowMs, highest - OVERTAKEN);
    this.health.heard(nowMs, this.#awaited > 0);
  }

  /** The next message, lent until the next call, or undefined while there is nothing to send now. */
  next(nowMs: number): Uint8Array | undefined {
    this.#askedMs = nowMs;
    this.#giveUp(nowMs, 0);
    const number = this.#number + 1;
    const one: UnderWay = { sentMs: nowMs, given: false, awaited: true, slots: [], offsets: [] };
    const start = this.#header(number);
    const quiet = this.health.quiet(nowMs);
    const end = quiet ? start : this.#fill(start, number, one, nowMs);
    if (end === start) {
      if (!this.#heartbeatDue(nowMs)) return undefined;
      one.awaited = this.#awaited === 0;
    }
    this.#number = number;
    this.#sentMs = nowMs;
    this.#underWay.set(number, one);
    if (one.awaited) {
      if (this.#awaited++ === 0) this.health.waiting(nowMs);
    }
    this.health.sent++;
    return this.#buffer.subarray(0, end);
  }

  /** When to call {@link next} although nothing was put, in milliseconds; never Infinity, since an idle lane is probed. */
  get wakeAtMs(): number {
    let at = this.#sentMs + this.#heartbeatMs();
    if (this.health.quiet(this.#askedMs)) return at;
    for (const stream of this.#streams) at = Math.min(at, stream.dueMs());
    const oldest = this.#oldest();
    return oldest ? Math.min(at, oldest.sentMs + this.health.timeoutMs) : at;
  }

  /** Whether the lane should be taken into use or left now; see {@link LaneHealth}. */
  look(nowMs: number): LaneMove | undefined {
    return this.health.look(nowMs);
  }

  #header(number: number): number {
    this.#buffer[0] = FRAME.state;
    return writeVarint(this.#buffer, 1, number);
  }

  #fill(start: number, number: number, one: UnderWay, nowMs: number): number {
    let at = start;
    for (let i = 0; i < this.#streams.length; i++) {
      const stream = this.#streams[i]!;
      const next = this.#section(stream, at, at === start, number, one, nowMs);
      if (next === at) continue;
      at = next;
      if (stream.dueMs() <= nowMs) {
        // it filled the message: the next one begins with the stream behind it, so that none waits for ever
        this.#streams.push(...this.#streams.splice(0, i + 1));
        break;
      }
      if (STATE_MESSAGE_BYTES - at < LEAST_ROOM_BYTES) break;
    }
    return at;
  }

  #section(
    stream: StateStream,
    at: number,
    first: boolean,
    number: number,
    one: UnderWay,
    nowMs: number,
  ): number {
    const { writer } = stream;
    writer.maxBytes = STATE_MESSAGE_BYTES - at - LENGTH_BYTES;
    for (let slot = stream.peek(nowMs); slot; slot = stream.peek(nowMs)) {
      const { channel, offset, timeUs, bytes, length } = slot;
      if (!writer.add(channel, offset, timeUs, bytes, 0, length)) {
        if (!first || writer.count > 0) break;
        writer.maxBytes = MAX_BYTES - at - LENGTH_BYTES; // a large one goes in a message of its own
        if (!writer.add(channel, offset, timeUs, bytes, 0, length)) {
          throw new RangeError(`sample of ${length} bytes is above the limit of ${MAX_STATE_PAYLOAD_BYTES}`);
        }
      }
      stream.taken(slot, number);
      one.slots.push(slot);
      one.offsets.push(offset);
    }
    if (writer.count === 0) return at;
    const section = writer.takeBorrowed();
    const body = writeVarint(this.#buffer, at, section.length);
    this.#buffer.set(section, body);
    return body + section.length;
  }

  #heartbeatMs(): number {
    return this.health.up && this.health.missing ? HEARTBEAT_MS : this.health.probeEveryMs;
  }

  #heartbeatDue(nowMs: number): boolean {
    return nowMs >= this.#sentMs + this.#heartbeatMs();
  }

  /** Takes for lost what is older than the timeout, or was overtaken by enough later ones. */
  #giveUp(nowMs: number, overtaken: number): void {
    const before = nowMs - this.health.timeoutMs;
    const roundTripAgo = nowMs - this.health.roundTripMs;
    this.#oldest();
    for (let number = this.#live; number <= this.#number; number++) {
      const one = this.#underWay.get(number);
      if (!one || one.given) continue;
      if (one.sentMs > before && number >= overtaken) break;
      if (one.sentMs > before && one.sentMs > roundTripAgo) continue;
      one.given = true;
      if (one.awaited) this.#awaited--;
      this.health.lost++;
      for (const slot of one.slots) if (slot.stream.open) slot.stream.again(slot, number);
    }
    for (const [number, one] of this.#underWay) {
      if (one.sentMs > nowMs - REMEMBER_MS) break;
      if (one.given) this.#underWay.delete(number);
    }
  }

  /** The oldest message that is neither confirmed nor given up. */
  #oldest(): UnderWay | undefined {
    for (; this.#live <= this.#number; this.#live++) {
      const one = this.#underWay.get(this.#live);
      if (one && !one.given) return one;
    }
    return undefined;
  }
}
