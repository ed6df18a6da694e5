/**
 * Base64, without a runtime's own helpers.
 *
 * @module
 */

/** Bytes turned into a string at a time: a call takes only so many arguments. */
const PIECE_BYTES = 0x8000;

/** The bytes in base64. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += PIECE_BYTES) {
    text += String.fromCharCode(...bytes.subarray(i, i + PIECE_BYTES));
  }
  return btoa(text);
}
