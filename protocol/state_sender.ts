/**
 * The sending end of the state lane: newest values in, messages out. Pure: no clock, timer or socket; the owner
 * says what time it is, sends what `next` returns, and comes back at `wakeAtMs`.
 *
 * Each message has a number, and the receiver says which numbers have come. A value whose message is not
 * confirmed within about a round trip goes out again, and then as the newest one: the old value is never sent a
 * second time. So a lost message costs one round trip, not a queue behind it, and when the source stops changing
 * the receiver ends up with the last value of every topic.
 *
 * Message 1 is a heartbeat always: one that comes again says nothing, so a transport that insists on sending again what
 * was lost may send that in its place.
 *
 * @module
 */
import { FLAG_DIFFERENCES, FRAME } from "./batch.ts";
import { DifferenceSender } from "./difference_sender.ts";
import { MAX_STATE_PAYLOAD_BYTES, MAX_UNPACKED_BYTES, STATE_MESSAGE_BYTES } from "./limits.ts";
import { type FlowMark, FlowWindow } from "./flow_window.ts";
import { LaneHealth, type LaneMove } from "./lane_health.ts";
import { confirmedNumbers, decodeConfirmation } from "./state_frame.ts";
import { MAX_BYTES, type StateSlot, StateStream } from "./state_stream.ts";
import { writeVarint } from "./varint.ts";

/** While samples are unconfirmed something goes out this often, in milliseconds: SCTP notices a lost last packet only by what follows it, or after a whole second. */
export const HEARTBEAT_MS = 40;

/** A message this many numbers below one that was confirmed later is taken for lost: as many as TCP allows to be overtaken. */
const OVERTAKEN = 3;

/** With less room than this left, a message is full: a header of a section and one small sample. */
const LEAST_ROOM_BYTES = 32;

/** Bytes of a section's length: enough for {@link MAX_BYTES}. */
const LENGTH_BYTES = 2;

/** A given-up message is remembered for so long, in milliseconds, so that a late confirmation still tells the round trip. */
const REMEMBER_MS = 3_000;

/** What SCTP, DTLS, UDP and IP add to a message, in bytes. */
const PACKET_BYTES = 90;

/** A message of full length is under way beyond what the link holds: each is confirmed for itself, so that the next goes in time. */
const SPARE_BYTES = 1_200;

/** Goes out before the first confirmation, in bytes: four messages of full length. */
const START_BYTES = 4_800;

/** A message given up for its age may still stand in a queue: it counts as under way for this long, in milliseconds, or until a later one is confirmed. */
const LINGER_MS = 1_000;

/** A message that is not confirmed. */
interface UnderWay extends FlowMark {
  /** Taken for lost: its samples are on their way again. */
  given: boolean;
  /** false for a heartbeat, which nobody waits for. */
  awaited: boolean;
  slots: StateSlot[];
  offsets: number[];
  /** Its values without their differences, in bytes. */
  unpackedBytes: number;
}

function underWay(sentMs: number): UnderWay {
  return {
    bytes: 0,
    sentMs,
    delivered: 0,
    deliveredMs: 0,
    easy: true,
    alone: true,
    open: false,
    given: false,
    awaited: true,
    slots: [],
    offsets: [],
    unpackedBytes: 0,
  };
}

/** While enough is under way this often is looked whether some of it is old enough to be forgotten, in milliseconds. */
const RECHECK_MS = 50;

/** Sends the newest values of any number of streams over one lane. */
export class StateSender {
  readonly health = new LaneHealth();
  readonly flow = new FlowWindow({ spareBytes: SPARE_BYTES, startBytes: START_BYTES });
  readonly #streams: StateStream[] = [];
  readonly #underWay = new Map<number, UnderWay>();
  readonly #buffer = new Uint8Array(MAX_BYTES);
  #differences: DifferenceSender | undefined;
  /** Differences could spare more than one message, and not all has left since: fewer bytes are fewer packets then. */
  #crowded = false;
  #awaited = 0;
  #number = 0;
  /** No message below this number is awaited or may yet be given up. */
  #live = 1;
  #sentMs = -Infinity;
  /** Given up and still counted as under way. */
  #lingering: { number: number; one: UnderWay }[] = [];
  /** When `next` was called last, and whether samples waited then since enough was under way. */
  #askedMs = 0;
  #blocked = false;

  /** The receiver keeps values of this many bytes, so that differences to them may be sent; 0 for none. */
  receiverKeeps(bytes: number): void {
    this.#differences = bytes > 0 ? new DifferenceSender(bytes) : undefined;
  }

  /** What has been sent as differences; undefined where the receiver takes none. */
  get differences(): Readonly<Pick<DifferenceSender, "sent" | "savedBytes" | "heldBytes">> | undefined {
    return this.#differences;
  }

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
    const heldMs = heldUs / 1_000;
    if (newest && newest.sentMs >= this.health.trustedSinceMs) {
      this.health.roundTrip(Math.max(0, nowMs - newest.sentMs - heldMs));
    }
    this.#letGo(nowMs, highest - OVERTAKEN);
    let news = 0;
    confirmedNumbers(confirmation, (number) => {
      const one = this.#underWay.get(number);
      if (!one) return;
      news++;
      this.#underWay.delete(number);
      if (number !== highest) this.flow.arrived(one, nowMs);
      if (!one.given && one.awaited) this.#awaited--;
      one.slots.forEach((slot, i) => {
        slot.history?.arrived(number);
        if (slot.offset === one.offsets[i]) slot.confirmed = true;
      });
    });
    // only of the highest is known for how long it was held back; it speaks for the others
    if (newest) this.flow.acknowledged(newest, nowMs, Math.max(0, nowMs - newest.sentMs - heldMs));
    if (news === 0) return;
    this.#giveUp(nowMs, highest - OVERTAKEN);
    this.health.heard(nowMs, this.#awaited > 0);
  }

  /** The next message, lent until the next call, or undefined while there is nothing to send now. */
  next(nowMs: number): Uint8Array | undefined {
    this.#askedMs = nowMs;
    this.#giveUp(nowMs, 0);
    const number = this.#number + 1;
    this.#letGo(nowMs, 0);
    const one = underWay(nowMs);
    const start = this.#header(number);
    const end = number === 1 || this.#holds(nowMs) ? start : this.#fill(start, number, one, nowMs);
    if (end === start) {
      if (!this.#heartbeatDue(nowMs)) return undefined;
      one.awaited = this.#awaited === 0;
    }
    one.bytes = end + PACKET_BYTES;
    this.flow.sent(one, nowMs);
    this.#number = number;
    this.#sentMs = nowMs;
    this.#underWay.set(number, one);
    if (one.awaited) {
      if (this.#awaited++ === 0) this.health.waiting(nowMs);
    }
    this.health.sent++;
    return this.#buffer.subarray(0, end);
  }

  /** The lane takes no more now: samples that are due wait for it. */
  held(nowMs: number): void {
    if (this.#due(nowMs)) this.flow.blocked(nowMs);
  }

  /** When to call {@link next} although nothing was put, in milliseconds; never Infinity, since an idle lane is probed. */
  get wakeAtMs(): number {
    let at = Math.min(this.#sentMs + this.#heartbeatMs(), this.health.doubtAtMs(this.#askedMs));
    const { health } = this;
    if (health.quiet(this.#askedMs) || (health.up && health.doubtful(this.#askedMs))) return at;
    if (this.#blocked) return Math.min(at, this.#askedMs + RECHECK_MS);
    for (const stream of this.#streams) at = Math.min(at, stream.dueMs());
    const oldest = this.#oldest();
    return oldest ? Math.min(at, oldest.sentMs + this.health.timeoutMs) : at;
  }

  /** Whether the lane should be taken into use or left now; see {@link LaneHealth}. */
  look(nowMs: number): LaneMove | undefined {
    return this.health.look(nowMs);
  }

  /** Whether samples wait: nothing seems to get through, or enough is under way. */
  #holds(nowMs: number): boolean {
    this.#blocked = false;
    if (this.health.quiet(nowMs) || (this.health.up && this.health.doubtful(nowMs))) return true;
    if (!this.#due(nowMs)) {
      this.flow.idle();
      this.#crowded = false;
      return true;
    }
    if (this.flow.room > 0) return false;
    this.flow.blocked(nowMs);
    this.#blocked = true;
    return true;
  }

  #due(nowMs: number): boolean {
    return this.#streams.some((stream) => stream.dueMs() <= nowMs);
  }

  /** What was given up long ago, or below a number that was confirmed, is not under way any more. */
  #letGo(nowMs: number, below: number): void {
    if (this.#lingering.length === 0) return;
    this.#lingering = this.#lingering.filter(({ number, one }) => {
      if (one.open && number >= below && nowMs - one.sentMs < LINGER_MS) return true;
      this.flow.lost(one);
      return false;
    });
  }

  #header(number: number): number {
    this.#buffer[0] = FRAME.state;
    return writeVarint(this.#buffer, 1, number);
  }

  #fill(start: number, number: number, one: UnderWay, nowMs: number): number {
    let at = start;
    if (this.#differences && !this.#crowded) this.#crowded = this.#spareBytes() > STATE_MESSAGE_BYTES;
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
    const differences = this.#crowded ? this.#differences : undefined;
    writer.flags = differences ? FLAG_DIFFERENCES : 0;
    writer.maxBytes = STATE_MESSAGE_BYTES - at - LENGTH_BYTES;
    for (let slot = stream.peek(nowMs); slot; slot = stream.peek(nowMs)) {
      const { channel, offset, timeUs } = slot;
      if (differences && one.unpackedBytes + slot.length > MAX_UNPACKED_BYTES) break;
      const bytes = differences?.payload(slot, number) ?? slot.bytes;
      const length = differences ? bytes.length : slot.length;
      if (!writer.add(channel, offset, timeUs, bytes, 0, length)) {
        if (!first || writer.count > 0) break;
        writer.maxBytes = MAX_BYTES - at - LENGTH_BYTES; // a large one goes in a message of its own
        if (!writer.add(channel, offset, timeUs, bytes, 0, length)) {
          throw new RangeError(`sample of ${length} bytes is above the limit of ${MAX_STATE_PAYLOAD_BYTES}`);
        }
      }
      stream.taken(slot, number);
      differences?.taken(slot, number);
      one.unpackedBytes += slot.length;
      one.slots.push(slot);
      one.offsets.push(offset);
    }
    if (writer.count === 0) return at;
    const section = writer.takeBorrowed();
    const body = writeVarint(this.#buffer, at, section.length);
    this.#buffer.set(section, body);
    return body + section.length;
  }

  #spareBytes(): number {
    return this.#streams.reduce((bytes, stream) => bytes + stream.spareBytes, 0);
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
      if (number < overtaken) this.flow.lost(one);
      else this.#lingering.push({ number, one });
      for (const slot of one.slots) {
        slot.history?.missed(number);
        if (slot.stream.open) slot.stream.again(slot, number);
      }
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
