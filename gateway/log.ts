/**
 * The gateway's log. Nothing of a token ever goes into it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";

/** Logger of everything in this program. */
export const log = getLogger("tidegate");

/** Logs a fault of our own. */
export function faultLog(where: string, error: unknown): void {
  log.error("fault in {where}: {error}", {
    where,
    error: error instanceof Error ? error.stack ?? error.message : error,
  });
}
