/**
 * Random names that people read, copy and say.
 *
 * @module
 */
import { randomBytes } from "node:crypto";

/** Crockford's base 32: no I, L, O or U, so nothing is misread; 32 letters, so a byte's low bits are unbiased. */
const LETTERS = "0123456789abcdefghjkmnpqrstvwxyz";

/** A random name of `length` letters, five bits each. */
export function randomName(length: number): string {
  let name = "";
  for (const byte of randomBytes(length)) name += LETTERS[byte & 31];
  return name;
}
