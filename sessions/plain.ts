/**
 * The session of a device that does not speak the protocol: it begins and ends with its connection.
 *
 * @module
 */
import { CLOSE } from "../protocol/close_codes.ts";
import type { Principal } from "../hub/access.ts";
import type { EndableSession, SessionRecord } from "../hub/session_log.ts";
import { Tally } from "../hub/tally.ts";
import type { Traffic, TransportKind } from "../transport/transport.ts";
import type { PlainMode, SessionWay } from "../transport/way.ts";
import type { SessionContext } from "./context.ts";
import { startOf } from "./lasting.ts";

/** What such a session needs. */
export interface PlainParts {
  context: Pick<SessionContext, "sessionLog" | "counters" | "authorizer" | "open">;
  principal: Principal;
  /** The session to which this belongs: ended when the token is revoked or the gateway stops. */
  session: EndableSession;
  connection: { readonly remote: string; readonly kind: TransportKind };
  mode: PlainMode;
  /** Name of the program, for the record. */
  client: string;
  /** What the connection has carried so far. */
  traffic(): Traffic;
}

/** Record and totals of a device on its only connection. */
export class PlainSession {
  readonly record: SessionRecord;
  readonly tally: Tally;
  readonly #stopRevoked: () => void;
  readonly #sinceMs = Date.now();
  #over = false;

  constructor(readonly parts: PlainParts) {
    const { context, principal, session, connection, client } = parts;
    this.record = context.sessionLog.open({ ...startOf(principal, connection), client });
    this.tally = new Tally(context.counters, "device_drops");
    this.#stopRevoked = context.authorizer.onRevoked(
      principal.tokenId,
      () => session.end(CLOSE.unauthorized, "the token was revoked"),
    );
    context.open.add(session);
  }

  get over(): boolean {
    return this.#over;
  }

  /** How the device is connected, which never changes. */
  way(): SessionWay {
    const { principal: { role, device, label }, connection: { remote, kind }, mode } = this.parts;
    return {
      session: this.record.id,
      role,
      name: device ?? label,
      remote,
      transport: kind,
      mode,
      sinceMs: this.#sinceMs,
      cause: "it is on the connection with which it began",
    };
  }

  /** Brings the totals on record up to date. */
  refresh(): void {
    if (!this.#over) this.record.totals(this.tally.totals(this.parts.traffic()));
  }

  /**
   * The connection is over.
   *
   * @param detail More words, where the gateway ended it.
   * @returns false when that was known.
   */
  end(reason: string, detail?: string): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#stopRevoked();
    this.parts.context.open.delete(this.parts.session);
    this.tally.retire(this.parts.traffic());
    if (detail !== undefined) this.record.event("closed", { reason, detail });
    this.record.close(reason, this.tally.totals());
    return true;
  }
}
