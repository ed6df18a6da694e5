/**
 * Handshakes that were turned down, in the log: a browser does not tell its page why, and many a device has no
 * screen. Seldom enough that whoever knocks all day fills no disk.
 *
 * @module
 */
import type { TurnedDown } from "../routes/sockets.ts";

/** For each status one line in this time, in milliseconds; what comes in between is counted in the next. */
export const QUIET_MS = 60_000;

/** Longest part of what a peer chose that goes into a line, in characters. */
const MAX_CHARS = 200;

/** Writes a line: the template and what goes into it. */
export type WriteLine = (text: string, values: Record<string, unknown>) => void;

/** The lines, a status at a time. */
export class TurnedDownLog {
  /** By status, of which there are five. */
  readonly #lines = new Map<number, { writtenMs: number; since: number }>();
  readonly #write: WriteLine;
  readonly #nowMs: () => number;

  /** `nowMs` is a clock in milliseconds that never goes back. */
  constructor(write: WriteLine, nowMs: () => number = () => performance.now()) {
    this.#write = write;
    this.#nowMs = nowMs;
  }

  /** Takes one in. */
  add({ status, detail, path, remote, origin }: TurnedDown): void {
    const nowMs = this.#nowMs();
    const last = this.#lines.get(status);
    if (last && nowMs - last.writtenMs < QUIET_MS) return void last.since++;
    this.#lines.set(status, { writtenMs: nowMs, since: 0 });
    const page = origin === null ? "" : " from a page of {origin}";
    const more = last && last.since > 0 ? " ({more} more like it since the last such line)" : "";
    this.#write(`turned down {remote} at {path}${page} with {status}: {detail}${more}`, {
      remote,
      path: path.slice(0, MAX_CHARS),
      origin: origin?.slice(0, MAX_CHARS),
      status,
      detail: detail.slice(0, MAX_CHARS),
      more: last?.since ?? 0,
    });
  }
}
