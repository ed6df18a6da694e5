/**
 * Tokens: made, checked, listed, revoked. All of them are in memory, so that checking one never waits; the
 * store keeps those that outlive this run.
 *
 * @module
 */
import type { Authorizer, Principal } from "../hub/access.ts";
import { AccessError } from "./errors.ts";
import {
  grantOf,
  principalOf,
  type StoredToken,
  type TokenInfo,
  tokenInfo,
  type TokenRequest,
} from "./token_rows.ts";
import { hashSecret, parseToken, randomToken, secretMatches, tokenText } from "./token_text.ts";

/** How often the time of last use is written at most, in milliseconds: it is for people, who count in minutes. */
export const LAST_USED_EVERY_MS = 60_000;

/**
 * Most tokens that are valid at a time: a bound on memory, far above what anybody lists. Revoked and expired
 * ones do not count, so that the bound can always be got away from.
 */
const MAX_TOKENS = 100_000;

/** Hash that an unknown id is compared with, so that it takes as long as a known one. */
const NO_HASH = hashSecret("");

/** Where tokens are kept between runs. */
export interface TokenStore {
  putToken(row: StoredToken): Promise<void>;
}

/** Why a token was not accepted. */
export type TokenRefusal = "malformed" | "unknown" | "expired" | "revoked";

/** What came of checking a token. */
export type TokenCheck = { ok: true; principal: Principal } | { ok: false; reason: TokenRefusal };

/** Options of {@link TokenService}. */
export interface TokenServiceOptions {
  store: TokenStore;
  /** Tokens of earlier runs. */
  tokens: readonly StoredToken[];
  /** Clock in milliseconds since 1970; default `Date.now`. */
  now?: () => number;
  /** Told when the time of last use could not be stored; nothing else depends on it. */
  onError?: (error: unknown) => void;
}

interface Entry {
  row: StoredToken;
  principal: Principal;
  ephemeral: boolean;
}

/** A token just made: `token` is shown this once and kept nowhere. */
export interface CreatedToken {
  token: string;
  info: TokenInfo;
}

/**
 * Every token of this gateway.
 *
 * @example
 * ```ts
 * const tokens = new TokenService({ store: { putToken: () => Promise.resolve() }, tokens: [] });
 * const { token } = await tokens.create({ role: "dashboard", label: "wall display", read: ["plant/#"] });
 * tokens.authenticate(token)?.role; // "dashboard"
 * ```
 */
export class TokenService implements Authorizer {
  readonly #entries = new Map<string, Entry>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #store: TokenStore;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;

  constructor(options: TokenServiceOptions) {
    this.#store = options.store;
    this.#now = options.now ?? Date.now;
    this.#onError = options.onError ?? (() => {});
    for (const row of options.tokens) {
      this.#entries.set(row.id, { row: { ...row }, principal: principalOf(row), ephemeral: false });
    }
  }

  /** {@inheritDoc Authorizer.authenticate} */
  authenticate(token: string): Principal | undefined {
    const check = this.check(token);
    return check.ok ? check.principal : undefined;
  }

  /** Like {@link authenticate}, and says why not; the reason is for counters and logs, not for the peer. */
  check(token: string): TokenCheck {
    const parts = parseToken(token);
    if (!parts) return { ok: false, reason: "malformed" };
    const entry = this.#entries.get(parts.id);
    const matches = secretMatches(parts.secret, entry?.row.hash ?? NO_HASH);
    if (!entry || !matches) return { ok: false, reason: "unknown" };
    const now = this.#now();
    if (entry.row.revokedAt !== null) return { ok: false, reason: "revoked" };
    if (entry.row.expiresAt !== null && entry.row.expiresAt <= now) {
      this.#end(entry.row.id);
      return { ok: false, reason: "expired" };
    }
    this.#used(entry, now);
    return { ok: true, principal: entry.principal };
  }

  /** {@inheritDoc Authorizer.onRevoked} */
  onRevoked(tokenId: string, revoked: () => void): () => void {
    const row = this.#entries.get(tokenId)?.row;
    // A session begins a while after its token was checked: it must not outlive one that ended in between.
    if (row && (row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= this.#now()))) {
      let stopped = false;
      queueMicrotask(() => stopped || revoked());
      return () => void (stopped = true);
    }
    const watchers = this.#watchers.get(tokenId) ?? new Set();
    // A fresh function each time, so that the same callback may watch twice.
    const watcher = () => revoked();
    watchers.add(watcher);
    this.#watchers.set(tokenId, watchers);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(tokenId) === watchers) this.#watchers.delete(tokenId);
    };
  }

  /**
   * Makes a token that is kept between runs. It is valid once this resolves, that is, once it is stored.
   *
   * @throws {AccessError} `invalid` or `limit`.
   */
  async create(request: TokenRequest): Promise<CreatedToken> {
    const { row, token } = this.#make(request);
    await this.#store.putToken({ ...row });
    return this.#keep(row, token, false);
  }

  /**
   * Makes a token that is valid for this run of the gateway only, such as the login link's: it is kept in
   * memory and stored nowhere.
   *
   * @throws {AccessError} `invalid` or `limit`.
   */
  ephemeral(request: TokenRequest): CreatedToken {
    const { row, token } = this.#make(request);
    return this.#keep(row, token, true);
  }

  /** Every token, newest first; revoked and expired ones too. */
  list(): TokenInfo[] {
    return [...this.#entries.values()]
      .map(({ row, ephemeral }) => tokenInfo(row, ephemeral))
      .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
  }

  /** The token with this id. */
  get(id: string): TokenInfo | undefined {
    const entry = this.#entries.get(id);
    return entry && tokenInfo(entry.row, entry.ephemeral);
  }

  /**
   * Ends a token and, before anything is written, the live sessions that came with it. Revoking it again
   * changes nothing.
   *
   * @throws {AccessError} `not_found`. When storing fails this rejects, and the token stays revoked for this
   * run all the same.
   */
  async revoke(id: string): Promise<TokenInfo> {
    const entry = this.#entries.get(id);
    if (!entry) throw new AccessError("not_found", `there is no token with id ${JSON.stringify(id)}`);
    if (entry.row.revokedAt === null) {
      entry.row.revokedAt = this.#now();
      this.#end(id);
      if (!entry.ephemeral) await this.#store.putToken({ ...entry.row });
    }
    return tokenInfo(entry.row, entry.ephemeral);
  }

  /** Revokes every token of a device, all at once in memory, then on disk. */
  async revokeDevice(device: string): Promise<void> {
    const theirs = [...this.#entries.values()].filter(({ row }) => row.device === device);
    await Promise.all(theirs.map(({ row }) => this.revoke(row.id)));
  }

  /** Ends the live sessions of tokens that have expired since. To be called every few seconds. */
  sweep(): void {
    const now = this.#now();
    for (const id of [...this.#watchers.keys()]) {
      const expiresAt = this.#entries.get(id)?.row.expiresAt ?? null;
      if (expiresAt !== null && expiresAt <= now) this.#end(id);
    }
  }

  #make(request: TokenRequest): { row: StoredToken; token: string } {
    const now = this.#now();
    if (this.#entries.size >= MAX_TOKENS && this.#validTokens(now) >= MAX_TOKENS) {
      throw new AccessError("limit", `${MAX_TOKENS} tokens are valid, the most there may be; revoke some`);
    }
    const grant = grantOf(request, now);
    let parts = randomToken();
    while (this.#entries.has(parts.id)) parts = randomToken();
    const row: StoredToken = {
      id: parts.id,
      hash: hashSecret(parts.secret),
      ...grant,
      createdAt: now,
      revokedAt: null,
      lastUsedAt: null,
    };
    return { row, token: tokenText(parts) };
  }

  #validTokens(now: number): number {
    let valid = 0;
    for (const { row } of this.#entries.values()) {
      if (row.revokedAt === null && (row.expiresAt === null || row.expiresAt > now)) valid++;
    }
    return valid;
  }

  #keep(row: StoredToken, token: string, ephemeral: boolean): CreatedToken {
    this.#entries.set(row.id, { row, principal: principalOf(row), ephemeral });
    return { token, info: tokenInfo(row, ephemeral) };
  }

  #used(entry: Entry, now: number): void {
    const { row } = entry;
    if (row.lastUsedAt !== null && now - row.lastUsedAt < LAST_USED_EVERY_MS) return;
    row.lastUsedAt = now;
    if (!entry.ephemeral) this.#store.putToken({ ...row }).catch(this.#onError);
  }

  #end(id: string): void {
    const watchers = this.#watchers.get(id);
    this.#watchers.delete(id);
    for (const watcher of watchers ?? []) watcher();
  }
}
