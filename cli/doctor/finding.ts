/**
 * What `doctor` finds.
 *
 * @module
 */

/** One check: what was looked at, how it stands, and what to do about it. */
export interface Finding {
  check:
    | "settings"
    | "data"
    | "disk"
    | "database"
    | "port"
    | "tls"
    | "clock"
    | "gateway"
    | "mqtt"
    | "webrtc"
    | "udp"
    | "addresses"
    | "stun"
    | "turn";
  /** `warn` works for now; `fail` keeps the gateway from starting or from doing its job. */
  status: "ok" | "warn" | "fail";
  message: string;
  /** What to do, where something is to be done. */
  advice?: string;
}

const MARKS = { ok: "ok  ", warn: "warn", fail: "FAIL" } as const;

/** A finding as a line, its advice below. */
export function lineOf({ status, check, message, advice }: Finding): string {
  return `${MARKS[status]}  ${check.padEnd(9)} ${message}${
    advice === undefined ? "" : `\n${" ".repeat(16)}→ ${advice}`
  }`;
}
