/**
 * What a peer has received on its WebSocket, as opposed to what has left this process: the kernel takes megabytes for
 * a slow link, and no runtime tells of them. A ping between the messages is answered when all before it has arrived,
 * so its answer tells both how long that took and how much is under way since.
 *
 * It costs a comparison for each look, and a small message now and then while something is sent. The gateway watches
 * its dashboards with it, the SDK's devices their gateway. Pure: the owner says what time it is.
 *
 * @module
 */
import { EASY_BYTES, type FlowMark, FlowWindow } from "./flow_window.ts";

/** With less than this unmarked a ping waits for company, in bytes. */
const WORTH_BYTES = 4_096;

/** Pings are this far apart at least, in milliseconds: on links with next to no round trip, on others, and in any case at most. */
const NEAR_EVERY_MS = 250;
const FAR_EVERY_MS = 50;
const LAST_EVERY_MS = 1_000;

/** A shorter round trip than this is a network's next door, in milliseconds. */
const NEAR_MS = 5;

/** A queue this long is one too many, in milliseconds; next door it is more likely a peer that is busy. */
const FAR_QUEUE_MS = 100;
const NEAR_QUEUE_MS = 250;

/** A queue counts once it has stood for so long, in milliseconds: bursts and retransmissions pass. */
const STANDING_MS = 100;

/** With this much under way and nothing answered for so long beyond the round trip, the queue needs no other proof. */
const SILENT_BYTES = 65_536;
const SILENT_MS = 500;

/** More unanswered pings than this say nothing new. */
const MAX_MARKS = 16;

/** With this long between two looks, in milliseconds, it was this process that was busy: its round trips do not count. */
const STALLED_MS = 80;

/** Who answers no ping for so long will answer none, in milliseconds, though it may be there. */
const MUTE_MS = 15_000;

interface Mark extends FlowMark {
  id: number;
}

/** What was sent to a peer, in bytes, counted by whoever sends. */
export interface Sent {
  readonly bytesOut: number;
}

/** How closely a line is watched. */
export interface LineFlowOptions {
  /** Something small that was sent is asked for after so many milliseconds at most; Infinity leaves it be. Default 1000. */
  lastEveryMs?: number;
}

/** Watches how much is under way to one peer. */
export class LineFlow {
  window = new FlowWindow();
  #marks: Mark[] = [];
  #lastId = 0;
  #markedBytes = 0;
  #markedMs = -Infinity;
  /** Since when each answer has told of a queue. */
  #queuedSinceMs: number | undefined;
  #lookedMs = Infinity;
  #stalledMs = -Infinity;

  readonly sent: Sent;
  readonly ping: (id: number) => void;
  readonly lastEveryMs: number;

  /** @param ping Sends a ping with this number. */
  constructor(sent: Sent, ping: (id: number) => void, { lastEveryMs = LAST_EVERY_MS }: LineFlowOptions = {}) {
    this.sent = sent;
    this.ping = ping;
    this.lastEveryMs = lastEveryMs;
  }

  /** Whether the peer answers pings at all: until then nothing is known. */
  get known(): boolean {
    return this.window.tripMs < Infinity;
  }

  /** Bytes that were sent and have not arrived, as far as that is known. */
  get inFlight(): number {
    return this.window.inFlight + this.sent.bytesOut - this.#markedBytes;
  }

  /** Bytes that may go out now without a queue building up; Infinity while nothing is known. */
  get room(): number {
    return this.known ? this.window.bytes - this.inFlight : Infinity;
  }

  /** Whether nothing was ever asked. */
  get unasked(): boolean {
    return this.#lastId === 0;
  }

  /** Whether a ping is unanswered. */
  get asked(): boolean {
    return this.#marks.length > 0;
  }

  /** Nobody has looked for a while, since there was nothing to look at: the pause is not this process's. */
  rested(nowMs: number): void {
    this.#lookedMs = nowMs;
  }

  /** Whether a queue shows on the way: the last answer told of one, or the next is overdue. */
  queued(nowMs: number): boolean {
    return this.#queuedSinceMs !== undefined || this.waitedMs(nowMs) >= this.#limitMs;
  }

  /** Whether the peer is on the next core or the next floor, where a queue is more likely a peer that is busy. */
  get nextDoor(): boolean {
    return this.window.tripMs < NEAR_MS;
  }

  /** A queue this long is one too many, in milliseconds. */
  get #limitMs(): number {
    return this.nextDoor ? NEAR_QUEUE_MS : FAR_QUEUE_MS;
  }

  /** Looks whether a ping is due. */
  look(nowMs: number): void {
    this.#noticeStall(nowMs);
    this.#lookedMs = nowMs;
    if (nowMs - (this.#marks[0]?.sentMs ?? nowMs) > MUTE_MS) this.#forget();
    const unmarked = this.sent.bytesOut - this.#markedBytes;
    if (unmarked === 0 && this.#queuedSinceMs === undefined) return;
    const waitedMs = nowMs - this.#markedMs;
    const near = !this.known || (this.nextDoor && !this.window.queued);
    const due = unmarked >= WORTH_BYTES ? near ? NEAR_EVERY_MS : FAR_EVERY_MS : this.lastEveryMs;
    if (waitedMs >= due) this.mark(nowMs);
  }

  /** Also before an answer is judged: what waited in this process is read before the timer of the next look fires. */
  #noticeStall(nowMs: number): void {
    if (nowMs - this.#lookedMs > STALLED_MS) this.#stalledMs = nowMs;
  }

  /** The peer does not answer any more: what waits in this process has to do. */
  #forget(): void {
    this.window = new FlowWindow();
    this.#marks = [];
    this.#queuedSinceMs = undefined;
  }

  /** Pings as soon as it is worth it: somebody waits for room. */
  pace(nowMs: number): void {
    if (this.sent.bytesOut - this.#markedBytes >= WORTH_BYTES / 4) this.mark(nowMs);
  }

  /** Pings now. */
  mark(nowMs: number): void {
    if (this.#marks.length >= MAX_MARKS) return;
    const id = ++this.#lastId;
    this.ping(id);
    const bytes = this.sent.bytesOut - this.#markedBytes;
    this.#markedBytes = this.sent.bytesOut;
    this.#markedMs = nowMs;
    const mark = {
      id,
      bytes,
      sentMs: nowMs,
      delivered: 0,
      deliveredMs: 0,
      easy: true,
      alone: true,
      open: false,
    };
    this.window.sent(mark, nowMs);
    this.#marks.push(mark);
  }

  /** A ping was answered. */
  pong(id: number, nowMs: number): void {
    const at = this.#marks.findIndex((mark) => mark.id === id);
    if (at < 0) return;
    this.#noticeStall(nowMs);
    const passed = this.#marks.splice(0, at + 1);
    const last = passed.pop()!;
    for (const mark of passed) this.window.arrived(mark, nowMs);
    if (last.sentMs <= this.#stalledMs) return this.window.arrived(last, nowMs);
    this.window.acknowledged(last, nowMs, nowMs - last.sentMs);
    if (this.window.queueMs < this.#limitMs) this.#queuedSinceMs = undefined;
    else this.#queuedSinceMs ??= nowMs;
  }

  /** Whether a queue stands on the way: the link carries less than it is sent. */
  standing(nowMs: number): boolean {
    if (this.inFlight <= EASY_BYTES) return false;
    if (this.inFlight > SILENT_BYTES && this.waitedMs(nowMs) > SILENT_MS) return true;
    return this.#queuedSinceMs !== undefined && nowMs - this.#queuedSinceMs >= STANDING_MS;
  }

  /** For how long the oldest of what is under way has waited beyond the round trip, in milliseconds. */
  waitedMs(nowMs: number): number {
    const oldest = this.#marks[0];
    if (!oldest || !this.known || oldest.sentMs <= this.#stalledMs) return 0;
    return Math.max(0, nowMs - oldest.sentMs - this.window.tripMs);
  }
}
