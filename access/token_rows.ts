/**
 * Tokens as they are stored, described, and turned into principals.
 *
 * @module
 */
import type { Principal, Role } from "../hub/access.ts";
import { deviceNameProblem, patternProblem } from "../protocol/topics.ts";
import { AccessError } from "./errors.ts";

/** Longest label of a token in characters. */
export const MAX_LABEL = 128;

/** Most patterns that a token may list for reading, and as many for writing; `welcome.rights` carries 256. */
export const MAX_TOKEN_PATTERNS = 256;

/** A token as it is stored; never the token itself. Times in milliseconds since 1970. */
export interface StoredToken {
  id: string;
  /** SHA-256 of the secret, hex. */
  hash: string;
  role: Role;
  device: string | null;
  label: string;
  read: string[];
  write: string[];
  createdAt: number;
  expiresAt: number | null;
  revokedAt: number | null;
  lastUsedAt: number | null;
}

/** What an operator sees of a token. */
export type TokenInfo = Omit<StoredToken, "hash"> & {
  /** Kept in memory only: gone when the gateway stops. */
  ephemeral: boolean;
};

/** What a new token is to allow. */
export interface TokenRequest {
  role: Role;
  /** Required for role `device`, refused for the others. */
  device?: string;
  /** Says what it is for; shown in lists and session records. */
  label?: string;
  /** Patterns that a dashboard may read; default everything. */
  read?: string[];
  /** Patterns that a dashboard may write; default nothing. */
  write?: string[];
  /** Milliseconds since 1970; without, it is valid until revoked. */
  expiresAt?: number;
}

/** What the checked request grants. */
export type TokenGrant = Pick<StoredToken, "role" | "device" | "label" | "read" | "write" | "expiresAt">;

function checkedPatterns(patterns: string[], field: "read" | "write"): string[] {
  if (patterns.length > MAX_TOKEN_PATTERNS) {
    throw new AccessError(
      "invalid",
      `${patterns.length} patterns are above the limit of ${MAX_TOKEN_PATTERNS}`,
      field,
    );
  }
  for (const pattern of patterns) {
    const problem = patternProblem(pattern);
    if (problem) throw new AccessError("invalid", problem, field);
  }
  return [...patterns];
}

function patternsOf(request: TokenRequest): { device: string | null; read: string[]; write: string[] } {
  const { role, device, read, write } = request;
  if (role !== "device" && device !== undefined) {
    throw new AccessError(
      "invalid",
      `only a token of role device names a device, not one of role ${role}`,
      "device",
    );
  }
  if (role !== "dashboard" && (read ?? write) !== undefined) {
    throw new AccessError(
      "invalid",
      `patterns can be chosen for role dashboard only, not for ${role}`,
      "read",
    );
  }
  switch (role) {
    case "device": {
      const problem = device === undefined
        ? "a device token must name its device"
        : deviceNameProblem(device);
      if (problem !== undefined || device === undefined) {
        throw new AccessError("invalid", problem ?? "", "device");
      }
      return { device, read: [`${device}/#`], write: [`${device}/#`] };
    }
    case "dashboard":
      return {
        device: null,
        read: checkedPatterns(read ?? ["#"], "read"),
        write: checkedPatterns(write ?? [], "write"),
      };
    case "operator":
      return { device: null, read: ["#"], write: ["#"] };
  }
}

/**
 * Checks what a new token is to allow.
 *
 * @throws {AccessError} `invalid`, naming the field.
 */
export function grantOf(request: TokenRequest, nowMs: number): TokenGrant {
  const label = request.label ?? "";
  if (label.length > MAX_LABEL) {
    throw new AccessError(
      "invalid",
      `a label of ${label.length} characters is above the limit of ${MAX_LABEL}`,
      "label",
    );
  }
  const { expiresAt } = request;
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt > nowMs)) {
    throw new AccessError("invalid", "expiresAt must lie in the future", "expiresAt");
  }
  return { role: request.role, ...patternsOf(request), label, expiresAt: expiresAt ?? null };
}

/** The principal that the holder of this token is. */
export function principalOf(row: StoredToken): Principal {
  const { id, role, label, device, read, write } = row;
  return { role, tokenId: id, label, ...(device === null ? {} : { device }), read, write };
}

/** What an operator sees of this token. */
export function tokenInfo({ hash: _, ...rest }: StoredToken, ephemeral: boolean): TokenInfo {
  return { ...rest, ephemeral };
}
