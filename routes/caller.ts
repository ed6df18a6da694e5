/**
 * What the server says of a request beside the request itself.
 *
 * @module
 */
import type { Principal } from "../hub/access.ts";

/**
 * Key under which an in-process caller puts the principal it acts as. A symbol exists in this process only, so
 * nothing that comes over the network can carry it.
 *
 * @example
 * ```ts ignore
 * await app.request("/v1/tokens", {}, { remote: "local", [CALLER]: LOCAL_OPERATOR });
 * ```
 */
export const CALLER: unique symbol = Symbol("caller");

/** Second argument of `app.fetch`, third of `app.request`. */
export interface RequestEnv {
  /** Peer as `address:port`. */
  remote?: string;
  /** Acts as this principal, without credentials. */
  [CALLER]?: Principal;
}

/** The operator that commands on the gateway's own machine act as. */
export const LOCAL_OPERATOR: Principal = {
  role: "operator",
  tokenId: "local",
  label: "local command",
  read: ["#"],
  write: ["#"],
};

/** Whoever calls a public route: it may do nothing. */
export const ANONYMOUS: Principal = { role: "dashboard", tokenId: "", label: "", read: [], write: [] };
