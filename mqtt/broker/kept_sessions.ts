/**
 * The sessions that clients of the embedded broker come back to: each belongs to a client identifier and the token
 * that it came with, and ends with a clean session, with the token, and when its client stays away for too long.
 *
 * @module
 */
import type { Position } from "../../protocol/control.ts";
import type { Principal } from "../../hub/access.ts";
import type { BrokerContext, KeptRow } from "./context.ts";
import { type KeptClient, KeptSession, readerOf } from "./kept_session.ts";

/** Most sessions that are kept. */
export const MAX_SESSIONS = 1_024;

/** Most of one token: it must not push out those of others. */
export const MAX_SESSIONS_PER_TOKEN = 64;

/** Longest client identifier that a session is kept for, in characters. */
const MAX_CLIENT_LENGTH = 256;

/** How often a session whose client is connected is put on disk, in milliseconds: its age counts from there. */
const SEEN_EVERY_MS = 3_600_000;

/** All of them. */
export class KeptSessions {
  readonly #context: BrokerContext;
  readonly #sessions = new Map<string, KeptSession>();
  readonly #stopRevoked = new Map<KeptSession, () => void>();

  constructor(context: BrokerContext) {
    this.#context = context;
    const cursors = byReader(context.keptCursors);
    for (const row of context.keptSessions) {
      const session = this.#add({ ...row }, cursors.get(readerOf(row)) ?? []);
      if (!context.isToken(row.token)) {
        this.#drop(session, "session_revoked", "its token is not valid any more");
      }
    }
    this.tidy();
  }

  /** How many there are. */
  get size(): number {
    return this.#sessions.size;
  }

  /** The client's session, made where there is none; undefined where none can be kept for it. */
  open(principal: Principal, client: string): KeptSession | undefined {
    const known = this.#sessions.get(keyOf(principal.tokenId, client));
    if (known) return known;
    if (client.length > MAX_CLIENT_LENGTH || !this.#makeRoom(principal.tokenId)) {
      this.#context.counters.add("mqtt_broker", "session_not_kept");
      return undefined;
    }
    const { hub, clock } = this.#context;
    const seenAt = Math.floor(clock.nowUs() / 1_000);
    return this.#add({ token: principal.tokenId, client, subscriptions: [], epoch: hub.epoch, seenAt }, []);
  }

  /** Ends the client's session, if there is one; resolves once it is off the disk. */
  async forget(principal: Principal, client: string): Promise<void> {
    const session = this.#sessions.get(keyOf(principal.tokenId, client));
    if (session) await this.#end(session);
  }

  /** A connection of the session's client is gone. */
  left(session: KeptSession, client: KeptClient): void {
    session.leaves(client);
    if (!session.inUse && session.subscriptions.length === 0) this.#endQuietly(session);
  }

  /** Ends sessions whose clients have stayed away for too long, and those that hold nothing. */
  tidy(): void {
    const { clock, sessionMaxAgeMs } = this.#context;
    const nowMs = clock.nowUs() / 1_000;
    for (const session of this.#sessions.values()) {
      const ageMs = nowMs - session.row.seenAt;
      if (session.inUse) {
        if (ageMs > SEEN_EVERY_MS) session.seen();
      } else if (session.subscriptions.length === 0) {
        this.#endQuietly(session);
      } else if (sessionMaxAgeMs !== null && ageMs > sessionMaxAgeMs) {
        this.#drop(session, "session_expired", `its client has not been here for ${days(ageMs)}`);
      }
    }
  }

  /** The gateway stops: the sessions stay on disk. */
  stop(): void {
    for (const stopRevoked of this.#stopRevoked.values()) stopRevoked();
    for (const session of this.#sessions.values()) session.rest();
  }

  #add(row: KeptRow, cursors: [number, Position][]): KeptSession {
    const session = new KeptSession(this.#context, row, cursors);
    this.#sessions.set(keyOf(row.token, row.client), session);
    const revoked = () => this.#drop(session, "session_revoked", "its token is not valid any more");
    this.#stopRevoked.set(session, this.#context.authorizer.onRevoked(row.token, revoked));
    return session;
  }

  /** Ends the session that has been away the longest where there are too many; false when all are in use. */
  #makeRoom(token: string): boolean {
    const all = [...this.#sessions.values()];
    const own = all.filter(({ row }) => row.token === token);
    const full = own.length >= MAX_SESSIONS_PER_TOKEN ? own : all.length >= MAX_SESSIONS ? all : undefined;
    if (!full) return true;
    const [oldest] = full.filter(({ inUse }) => !inUse).sort((a, b) => a.row.seenAt - b.row.seenAt);
    if (!oldest) return false;
    this.#drop(oldest, "session_displaced", `there are ${full.length} sessions, the most that are kept`);
    return true;
  }

  #drop(session: KeptSession, reason: string, why: string): void {
    const { counters, log } = this.#context;
    counters.add("mqtt_broker", reason);
    log("info", `the session of MQTT client ${session.row.client} is ended: ${why}`);
    this.#endQuietly(session);
  }

  #endQuietly(session: KeptSession): void {
    this.#end(session).catch((error) => this.#context.fault("MQTT session", error));
  }

  #end(session: KeptSession): Promise<void> {
    this.#sessions.delete(keyOf(session.row.token, session.row.client));
    this.#stopRevoked.get(session)?.();
    this.#stopRevoked.delete(session);
    return session.end();
  }
}

/** Cursors of each reader. */
function byReader(kept: BrokerContext["keptCursors"]): Map<string, [number, Position][]> {
  const cursors = new Map<string, [number, Position][]>();
  for (const { reader, topic, epoch, offset } of kept) {
    let own = cursors.get(reader);
    if (!own) cursors.set(reader, own = []);
    own.push([topic, { epoch, offset }]);
  }
  return cursors;
}

function keyOf(token: string, client: string): string {
  return `${token} ${client}`;
}

function days(ms: number): string {
  return `${(ms / 86_400_000).toFixed(1)} days`;
}
