/**
 * The text of a token: `tg_<id>_<secret>`. The id finds the stored row; the secret proves the holder. The
 * prefix lets secret scanners find one that was committed by mistake.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { randomName } from "./random.ts";

/** Letters of a token's id: 50 bits, so that ids do not collide; the id is no secret. */
const ID_LENGTH = 10;

/** Random bytes of a token's secret. */
const SECRET_BYTES = 32;

const TOKEN = /^tg_([0-9a-z]{10})_([A-Za-z0-9_-]{43})$/;

/** A token taken apart. */
export interface TokenParts {
  id: string;
  /** 32 random bytes in base64url. */
  secret: string;
}

/** Takes a token's text apart; undefined when it does not have the shape of one. */
export function parseToken(text: string): TokenParts | undefined {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Puts a token together, as it is shown once. */
export function tokenText({ id, secret }: TokenParts): string {
  return `tg_${id}_${secret}`;
}

/** A new token. */
export function randomToken(): TokenParts {
  return { id: randomName(ID_LENGTH), secret: randomBytes(SECRET_BYTES).toString("base64url") };
}

/**
 * SHA-256 of a secret's text, in hex: what is stored. A slow password hash would add nothing: it protects
 * secrets that can be guessed, and 256 random bits cannot. It would also let anybody load the gateway with
 * wrong tokens.
 */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

/** Whether `secret` has this hash, in a time that does not tell how much of it is right. */
export function secretMatches(secret: string, hash: string): boolean {
  const presented = createHash("sha256").update(secret).digest();
  const stored = Buffer.from(hash, "hex");
  return stored.length === presented.length && timingSafeEqual(presented, stored);
}
