/**
 * How many bytes may be under way to a peer: as many as its link carries in a round trip and a little more, judged by
 * what it says to have received. More would only stand in queues that nobody here sees, the kernel's send buffer and
 * the link's own, and be old when it arrives. A small relative of BBR: delivery rate times shortest round trip.
 *
 * Pure: the owner says what time it is. One serves the state lane, whose messages are confirmed one by one, another a
 * WebSocket, on which a ping between the messages is answered when all before it has arrived.
 *
 * @module
 */

/** While nothing queues up this much may be under way at least, in bytes: fast links are never held up by guesses. */
export const EASY_BYTES = 16_384;

/** Beyond what a link that queues holds this much may be under way, in bytes, unless the owner says otherwise: two packets. */
const SPARE_BYTES = 3_300;

/** While the round trip is taken anew this much may be under way, in bytes: three messages, which queue behind one another at most. */
const PROBE_BYTES = 3_600;

/** A round trip this far above the shortest says that something queues up, in milliseconds: a busy peer takes as long. */
const QUEUE_MS = 25;

/** What a receiver may hold its word back, and what its clock and ours may be late, in milliseconds. */
const WORD_MS = 10;

/** Share by which the window is larger than what the link holds, so that a link that gets faster is noticed. */
const GAIN = 1.25;

/** The highest rate of so long counts, in milliseconds, once it is past twice that. */
const RATE_WINDOW_MS = 1_000;

/** The shortest round trip is taken anew after this long, in milliseconds, with little under way for the length of the probe. */
const TRIP_WINDOW_MS = 10_000;
const TRIP_PROBE_MS = 50;
const MAX_PROBE_MS = 3_000;

/** After this long without anything held back the link is fast enough, in milliseconds. */
const RELIEVED_MS = 1_000;

/** The queue is judged once a round trip, but not more often than this, in milliseconds: by the shortest round trip of that time, which jitter leaves alone. */
const JUDGE_EVERY_MS = 60;

/** A queue shorter than this is the packets' own and the link's jitter, in milliseconds. */
const STANDING_MS = 15;

/** Shares of the margin given up at each judgement that finds a queue, and taken again at each that finds none. */
const TRIM_STEP = 0.2;
const RELAX_STEP = 0.1;

/** Something that was sent and will be acknowledged or lost. */
export interface FlowMark {
  bytes: number;
  sentMs: number;
  /** What had been delivered when it was sent, and when the last of that was. */
  delivered: number;
  deliveredMs: number;
  /** Whether less was under way than would have been let: its rate says nothing of the link's. */
  easy: boolean;
  /** Whether next to nothing was under way before it. */
  alone: boolean;
  /** Still counted as under way. */
  open: boolean;
}

/** What a window's owner knows of what it sends, in bytes. */
export interface FlowOptions {
  /** May be under way beyond what the link holds, so that it does not run dry between two words of the peer's. */
  spareBytes?: number;
  /** May be under way before anything was delivered; then it grows by what was, as in the slow start of TCP. */
  startBytes?: number;
}

/** The window of one link. */
export class FlowWindow {
  /** Bytes that were sent and are neither acknowledged nor lost. */
  inFlight = 0;
  #delivered = 0;
  #deliveredMs = 0;
  #easy = true;
  /** Whether the link carries less than is offered; and when more would have been sent last. */
  #tight = false;
  #blockedMs = -Infinity;
  /** Highest rates of this window and the one before, bytes per millisecond. */
  #rate = 0;
  #formerRate = 0;
  #rateSinceMs = 0;
  #tripMs = Infinity;
  #tripAtMs = 0;
  #lastTripMs = 0;
  /** Share of the margin above what the link holds that is not used, since a queue would stand otherwise. */
  #trim = 0;
  /** Shortest round trip since the queue was judged last, and when that was. */
  #standingMs = Infinity;
  #judgedMs = 0;
  #probe: Probe | undefined;

  readonly spareBytes: number;
  readonly startBytes: number;

  constructor({ spareBytes = SPARE_BYTES, startBytes = EASY_BYTES }: FlowOptions = {}) {
    this.spareBytes = spareBytes;
    this.startBytes = startBytes;
  }

  /** Shortest round trip; Infinity before one was measured. */
  get tripMs(): number {
    return this.#tripMs;
  }

  /** By how much the last round trip was longer than the shortest, in milliseconds. */
  get queueMs(): number {
    return this.#tripMs === Infinity ? 0 : Math.max(0, this.#lastTripMs - this.#tripMs);
  }

  /** Whether more waits on the way than should. */
  get queued(): boolean {
    return this.queueMs > 0.25 * this.#tripMs + QUEUE_MS;
  }

  /** Most bytes that should be under way. */
  get bytes(): number {
    if (this.#tripMs === Infinity) return this.startBytes;
    if (this.#probe) return PROBE_BYTES;
    const rate = Math.max(this.#rate, this.#formerRate);
    const marginMs = (GAIN - 1) * this.#tripMs + WORD_MS;
    const window = this.spareBytes + rate * (this.#tripMs + (1 - this.#trim) * marginMs);
    if (this.#tight) return window;
    return Math.min(this.startBytes + this.#delivered, Math.max(EASY_BYTES, 4 * window));
  }

  /** Bytes that may be sent now. */
  get room(): number {
    return this.bytes - this.inFlight;
  }

  /** `mark.bytes` went out now. */
  sent(mark: FlowMark, nowMs: number): void {
    if (this.inFlight === 0) this.#deliveredMs = nowMs;
    mark.sentMs = nowMs;
    mark.delivered = this.#delivered;
    mark.deliveredMs = this.#deliveredMs;
    mark.easy = this.#easy;
    mark.alone = this.inFlight <= PROBE_BYTES;
    mark.open = true;
    this.inFlight += mark.bytes;
  }

  /** More would have been sent, had there been room. */
  blocked(nowMs: number): void {
    this.#easy = false;
    this.#blockedMs = nowMs;
    if (!this.queued || this.#tight) return;
    this.#tight = true;
    // the shortest round trip may have been measured behind others' queues
    if (!this.#probe) this.#beginProbe(nowMs);
  }

  /** There is room, and nothing to send. */
  idle(): void {
    this.#easy = true;
  }

  /** It has arrived some time ago. */
  arrived(mark: FlowMark, nowMs: number): void {
    this.lost(mark);
    this.#delivered += mark.bytes;
    this.#deliveredMs = nowMs;
  }

  /** It has arrived, `tripMs` after it was sent; what the peer held its word back is taken off already. */
  acknowledged(mark: FlowMark, nowMs: number, tripMs: number): void {
    this.arrived(mark, nowMs);
    this.#measureTrip(mark, nowMs, tripMs);
    this.#judge(nowMs, tripMs);
    if (nowMs - this.#blockedMs > RELIEVED_MS) this.#tight = false;
    const spanMs = Math.max(1, nowMs - mark.deliveredMs, nowMs - mark.sentMs);
    this.#measureRate(nowMs, (this.#delivered - mark.delivered) / spanMs, mark.easy);
  }

  /** It will not arrive, or nobody waits for word of it any more. */
  lost(mark: FlowMark): void {
    if (!mark.open) return;
    mark.open = false;
    this.inFlight -= mark.bytes;
  }

  /** A queue of more than one spare packet is one that the window makes. */
  #judge(nowMs: number, tripMs: number): void {
    this.#standingMs = Math.min(this.#standingMs, tripMs);
    if (nowMs - this.#judgedMs < Math.max(JUDGE_EVERY_MS, this.#tripMs)) return;
    const rate = Math.max(this.#rate, this.#formerRate);
    const stands = this.#tight &&
      this.#standingMs - this.#tripMs > Math.max(this.spareBytes / Math.max(1, rate), STANDING_MS);
    this.#trim = Math.min(1, Math.max(0, this.#trim + (stands ? TRIM_STEP : -RELAX_STEP)));
    this.#judgedMs = nowMs;
    this.#standingMs = Infinity;
  }

  #measureRate(nowMs: number, rate: number, easy: boolean): void {
    if (nowMs - this.#rateSinceMs > RATE_WINDOW_MS) {
      this.#formerRate = this.#rate;
      this.#rate = 0;
      this.#rateSinceMs = nowMs;
    }
    if (easy && rate <= this.#formerRate) return;
    this.#rate = Math.max(this.#rate, rate);
  }

  #measureTrip(mark: FlowMark, nowMs: number, tripMs: number): void {
    this.#lastTripMs = tripMs;
    if (this.#probe) this.#probeTrip(this.#probe, mark, nowMs, tripMs);
    const stale = nowMs - this.#tripAtMs > TRIP_WINDOW_MS;
    if (tripMs <= this.#tripMs || (stale && !this.#tight && !this.#probe)) {
      this.#tripMs = tripMs;
      this.#tripAtMs = nowMs;
    } else if (stale && !this.#probe) this.#beginProbe(nowMs);
  }

  /** Our own queue hides the round trip: for a moment it is let run dry. */
  #beginProbe(nowMs: number): void {
    this.#probe = { fromMs: nowMs, untilMs: Infinity, tripMs: Infinity };
  }

  #probeTrip(probe: Probe, mark: FlowMark, nowMs: number, tripMs: number): void {
    if (mark.alone && mark.sentMs >= probe.fromMs) {
      probe.tripMs = Math.min(probe.tripMs, tripMs);
      probe.untilMs = Math.min(probe.untilMs, nowMs + TRIP_PROBE_MS);
    }
    if (nowMs < Math.min(probe.untilMs, probe.fromMs + MAX_PROBE_MS)) return;
    this.#probe = undefined;
    this.#tripAtMs = nowMs;
    // a little longer is the three messages' own time; much longer is another path
    if (probe.tripMs < this.#tripMs || (probe.tripMs < Infinity && probe.tripMs > 3 * this.#tripMs)) {
      this.#tripMs = probe.tripMs;
    }
  }
}

/** The round trip is being taken anew. */
interface Probe {
  fromMs: number;
  untilMs: number;
  /** Shortest of those messages before which next to nothing was under way. */
  tripMs: number;
}
