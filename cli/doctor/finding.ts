/**
 * What `doctor` finds.
 *
 * @module
 */

/** One check: what was looked at, how it stands, and what to do about it. */
export interface Finding {
  check: "settings" | "data" | "disk" | "database" | "port" | "tls" | "clock" | "gateway" | "mqtt";
  /** `warn` works for now; `fail` keeps the gateway from starting or from doing its job. */
  status: "ok" | "warn" | "fail";
  message: string;
  /** What to do, where something is to be done. */
  advice?: string;
}
