/**
 * Why a connection ended, in words for people, and whether to come back.
 *
 * @module
 */
import { CLOSE, closeCode, shouldReconnect } from "../protocol/close_codes.ts";

/** What the gateway said before it closed. */
export interface Bye {
  code?: number;
  reason?: string;
  reconnect?: boolean;
}

/** How a connection ended. */
export interface Ended {
  code: number;
  reason: string;
  /** The gateway's last word, where it was heard. */
  bye: Bye | undefined;
  /** Whether the connection was ever open. */
  wasOpen: boolean;
}

/** Reads the end of a connection. The gateway's last word counts before the close frame. */
export function farewell({ code, reason, bye, wasOpen }: Ended): { told: string; reconnect: boolean } {
  const said = bye?.code ?? (bye ? CLOSE.normal.code : code);
  const words = bye && (bye.reason ?? closeName(said));
  return {
    told: words || (reason ? `${closeName(code)}: ${reason}` : unexplained(code, wasOpen)),
    reconnect: bye?.reconnect ?? shouldReconnect(said),
  };
}

/** A browser does not tell a program why a connection failed; say what it can be. */
function unexplained(code: number, wasOpen: boolean): string {
  if (code !== 1006 || wasOpen) return closeName(code);
  return "connection_failed: the gateway cannot be reached, or does not accept the token or the page's origin";
}

/** The name of a close code for status and logs. */
function closeName(code: number): string {
  if (code === 1006) return "connection_lost";
  return closeCode(code)?.name ?? `close_${code}`;
}
