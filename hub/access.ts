/**
 * Who a peer is and what it may do.
 *
 * @module
 */
import { matchesAny } from "../protocol/topics.ts";

/** Roles of tokens. A device is bound to its own topics, a dashboard to patterns, an operator may do everything. */
export type Role = "device" | "dashboard" | "operator";

/** An authenticated peer. */
export interface Principal {
  readonly role: Role;
  /** Token that it came with; revoking that ends its sessions. */
  readonly tokenId: string;
  /** Label of the token, for the record. */
  readonly label: string;
  /** The device it is, for role `device`. */
  readonly device?: string;
  /** Patterns it may read. */
  readonly read: readonly string[];
  /** Patterns it may write. */
  readonly write: readonly string[];
}

/** Whether the principal may read `topic`. */
export function mayRead(principal: Principal, topic: string): boolean {
  return matchesAny(principal.read, topic);
}

/** Whether the principal may write `topic`. */
export function mayWrite(principal: Principal, topic: string): boolean {
  return matchesAny(principal.write, topic);
}

/** Turns a presented token into a principal. */
export interface Authorizer {
  /** The principal of this token, or undefined when it is unknown, expired or revoked. */
  authenticate(token: string): Principal | undefined;
  /**
   * Calls back when the token is revoked or expires, or soon where it is already; the returned function stops
   * that.
   */
  onRevoked(tokenId: string, revoked: () => void): () => void;
}
