/**
 * What of a session lasts beyond its connection: the record, the totals, and the right to come back.
 *
 * @module
 */
import { PROTOCOL_VERSION, type SharedMessage, type Welcome } from "../protocol/control.ts";
import type { Principal } from "../hub/access.ts";
import { newResumeToken, type Resumption } from "../hub/resumption.ts";
import type { SessionRecord, SessionStart } from "../hub/session_log.ts";
import { Tally } from "../hub/tally.ts";
import type { Traffic, Transport, TransportKind } from "../transport/transport.ts";
import { type SessionWay, WayLog } from "../transport/way.ts";
import type { Ending } from "./connection.ts";
import type { SessionContext } from "./context.ts";

/** How often the totals go on record, in milliseconds: what an operator sees of an open session is this old at most. */
export const TOTALS_EVERY_MS = 2_000;

/** A session whose peer may come back; `own` is what devices or dashboards keep beside. */
export interface Parked<Own> {
  record: SessionRecord;
  tally: Tally;
  /** Why the connection ended; the session's end reason if nobody comes back. */
  reason: string;
  own: Own;
}

/** What a session needs to begin, or to go on. */
export interface LastingParts<Own> {
  context: SessionContext;
  transport: Transport;
  principal: Principal;
  resumption: Resumption<Parked<Own>>;
  /** Whether a session that waits is this peer's. */
  mine: (own: Own) => boolean;
  /** What the peer said of itself. */
  hello: { client?: string; resume?: { session: string; token: string } };
  /** Counter of dropped samples. */
  drops: string;
}

/** Nobody came back for it. */
export function letGo(parked: Parked<unknown>): void {
  parked.record.close(parked.reason, parked.tally.totals());
}

/** What a principal's session record begins with. */
export function startOf(principal: Principal, transport: Pick<Transport, "remote" | "kind">): SessionStart {
  const { role, device, tokenId, label } = principal;
  const { remote, kind } = transport;
  return { role, ...(device === undefined ? {} : { device }), tokenId, label, remote, transport: kind };
}

/** A session from `welcome` on, over one of its connections. */
export class LastingSession<Own> {
  readonly record: SessionRecord;
  readonly tally: Tally;
  /** With it the peer can go on after this connection. */
  readonly token = newResumeToken();
  /** What was kept of it, where it is taken up again. */
  readonly kept: Own | undefined;
  readonly #way: WayLog;

  constructor(readonly parts: LastingParts<Own>) {
    const { context, transport, principal, resumption, hello } = parts;
    const { session = "", token = "" } = hello.resume ?? {};
    const parked = resumption.take(session, token, ({ own }) => parts.mine(own));
    this.kept = parked?.own;
    this.#way = new WayLog(transport.kind);
    this.record = parked?.record ?? context.sessionLog.open(startOf(principal, transport));
    this.tally = parked?.tally ?? new Tally(context.counters, parts.drops);
    const { remote, kind } = transport;
    this.record.describe({
      remote,
      transport: kind,
      ...(hello.client === undefined ? {} : { client: hello.client }),
    });
    this.record.event(parked ? "resumed" : "opened", { remote, transport: kind });
  }

  /** The answer to `hello`, with what only devices or only dashboards are told. */
  welcome(own: Pick<Welcome, "device" | "rights" | "keptBytes">): Welcome {
    const { context, principal } = this.parts;
    const iceServers = context.iceServers?.(principal.device ?? this.record.id);
    return {
      type: "welcome",
      protocol: PROTOCOL_VERSION,
      gateway: context.gateway,
      epoch: context.hub.epoch,
      session: this.record.id,
      resume: this.token,
      resumed: this.kept !== undefined,
      time: context.clock.nowUs(),
      limits: context.limits,
      ...own,
      ...(iceServers === undefined ? {} : { iceServers }),
    };
  }

  /** The peer says that something went wrong on its side. */
  peerError({ code, message }: Extract<SharedMessage, { type: "error" }>): void {
    this.record.event("peer_error", { code, message });
  }

  /** State samples take another way from here on. */
  moved(to: TransportKind, cause: string): void {
    this.record.event("moved", { to, cause });
    this.record.describe({ transport: to });
    this.#way.moved(to, cause);
  }

  /** Why it is on its transport, with what is known of a state lane. */
  way(lane: Pick<SessionWay, "lane" | "roundTripMs" | "sent" | "lost">): SessionWay {
    const { principal, transport: { remote } } = this.parts;
    const { role, device, label } = principal;
    const { transport, sinceMs, cause } = this.#way;
    return {
      session: this.record.id,
      role,
      name: device ?? label,
      remote,
      transport,
      sinceMs,
      cause,
      ...lane,
    };
  }

  /** Brings the totals on record up to date; `lane` is what a lane beside the connection has carried. */
  refresh(lane: Traffic | undefined): void {
    this.record.totals(this.tally.totals(this.parts.transport.traffic, lane));
  }

  /** The connection is over: the session waits for its peer with `own`, or is over too. */
  end({ reason, resumable, detail }: Ending, own: Own): void {
    const { record, tally, token } = this;
    const { transport, resumption } = this.parts;
    tally.retire(transport.traffic);
    if (resumable) {
      record.event("disconnected", { reason });
      record.totals(tally.totals());
      resumption.park(record.id, token, { record, tally, reason, own }, letGo);
    } else {
      if (detail !== undefined) record.event("closed", { reason, detail });
      record.close(reason, tally.totals());
    }
  }
}
