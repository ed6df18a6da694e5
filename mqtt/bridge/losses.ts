/**
 * Events that a bridge could not pass on: counted, and told with their ranges, a few lines at a time.
 *
 * @module
 */
import type { LostEvents } from "./outgoing_event.ts";

/** How often losses are told, in milliseconds. */
const TELL_EVERY_MS = 2_000;

/** Gathers losses into ranges. */
export class Losses {
  /** Events lost so far; a range without an end counts as one. */
  total = 0;
  #open: LostEvents[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly count: (reason: string, events: number) => void,
    readonly tell: (message: string) => void,
    /** Whom they are lost to. */
    readonly to = "broker",
  ) {}

  /** Notes a loss. */
  add(lost: LostEvents): void {
    const events = Number.isSafeInteger(lost.to) && lost.to < Number.MAX_SAFE_INTEGER
      ? lost.to - lost.from + 1
      : 1;
    this.total += events;
    this.count(lost.reason, events);
    const last = this.#open.findLast(({ topic, epoch, reason }) =>
      topic === lost.topic && epoch === lost.epoch && reason === lost.reason
    );
    if (last && last.to + 1 === lost.from) last.to = lost.to;
    else this.#open.push({ ...lost });
    this.#timer ??= setTimeout(() => this.flush(), TELL_EVERY_MS);
  }

  /** Tells what has gathered. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { topic, epoch, from, to, reason } of this.#open) {
      const range = to === Number.MAX_SAFE_INTEGER ? `${from} and all that followed` : `${from} to ${to}`;
      this.tell(
        `events ${range} of ${topic} (epoch ${epoch}) are lost to this ${this.to}: ${
          WORDS[reason] ?? reason
        }`,
      );
    }
    this.#open = [];
  }
}

const WORDS: Readonly<Record<string, string>> = {
  retention: "the recording's limits removed them before it was back",
  overload: "they were not recorded",
  epoch: "they were recorded by another database",
  spool_full: "more than spoolMaxBytes waited",
  too_old: "they are older than spoolMaxAgeS",
  lost_by_device: "their device lost them",
  undecodable: "they are not what their topic's encoding says",
};
