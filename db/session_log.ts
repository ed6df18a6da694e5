/**
 * Opens session records. Everything is known at once in memory and goes to disk with the next commit.
 *
 * @module
 */
import type { SessionLog, SessionRecord, SessionStart, SessionTotals } from "../hub/session_log.ts";
import type { CommitQueue } from "./commits.ts";
import { MAX_EVENTS_PER_SESSION } from "./messages.ts";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

/** A random id of 26 characters that sorts by `nowMs`, as in the ULID specification. */
export function sortableId(nowMs: number): string {
  let id = "";
  for (let i = 0, rest = nowMs; i < TIME_CHARACTERS; i++, rest = Math.floor(rest / 32)) {
    id = CROCKFORD[rest % 32]! + id;
  }
  for (const byte of crypto.getRandomValues(new Uint8Array(RANDOM_CHARACTERS))) id += CROCKFORD[byte % 32]!;
  return id;
}

/** Implements {@link SessionLog} over a {@link CommitQueue}. */
export class SessionRecords implements SessionLog {
  constructor(
    private readonly commits: Pick<CommitQueue, "push">,
    private readonly epoch: string,
    private nextNumber: number,
    private readonly now: () => number = Date.now,
  ) {}

  open(start: SessionStart): SessionRecord {
    const startedAt = this.now();
    const number = this.nextNumber++;
    const id = sortableId(startedAt);
    const { device, client, ...rest } = start;
    this.commits.push({
      kind: "session",
      row: {
        ...rest,
        id,
        number,
        epoch: this.epoch,
        device: device ?? null,
        client: client ?? null,
        startedAt,
        lastSeenAt: startedAt,
        endedAt: null,
        endReason: null,
        framesIn: 0,
        framesOut: 0,
        bytesIn: 0,
        bytesOut: 0,
        samplesIn: 0,
        samplesOut: 0,
        drops: {},
        roundTripUs: null,
      },
    });
    return this.#record(id, number);
  }

  #record(id: string, session: number): SessionRecord {
    const { commits, now } = this;
    let closed = false;
    let events = 0;
    let known: SessionTotals | undefined;
    const copy = (totals: SessionTotals): SessionTotals => ({ ...totals, drops: { ...totals.drops } });
    return {
      id,
      number: session,
      event: (kind, detail = {}) => {
        // What the writer would not keep does not go there: a peer can cause events faster than they are written.
        if (++events > MAX_EVENTS_PER_SESSION) return;
        commits.push({ kind: "session_event", session, row: { at: now(), kind, detail } });
      },
      describe: (change) => commits.push({ kind: "describe", session, change }),
      totals: (totals) => {
        // Thousands of silent devices would otherwise keep the disk busy with what it knows.
        if (closed || (known && sameTotals(known, totals))) return;
        known = copy(totals);
        commits.push({ kind: "totals", session, at: now(), totals: known });
      },
      close: (reason, totals) => {
        if (closed) return;
        closed = true;
        commits.push({ kind: "close", session, at: now(), reason, totals: copy(totals) });
      },
    };
  }
}

function sameTotals(a: SessionTotals, b: SessionTotals): boolean {
  return a.framesIn === b.framesIn && a.framesOut === b.framesOut && a.samplesIn === b.samplesIn &&
    a.samplesOut === b.samplesOut && a.bytesIn === b.bytesIn && a.bytesOut === b.bytesOut &&
    a.roundTripUs === b.roundTripUs && sameDrops(a.drops, b.drops);
}

function sameDrops(a: Record<string, number>, b: Record<string, number>): boolean {
  const names = Object.keys(b);
  return names.length === Object.keys(a).length && names.every((name) => a[name] === b[name]);
}
