/**
 * How the open sessions are connected.
 *
 * @module
 */
import type { EndableSession } from "../hub/session_log.ts";
import type { SessionWay } from "../transport/way.ts";

/** What each session knows of its way; one that is not greeted yet is no session. */
export function* waysOf(open: Iterable<EndableSession>): Generator<SessionWay> {
  for (const session of open) {
    const way = session.way();
    if (way) yield way;
  }
}
