/**
 * Whether a STUN binding request comes from who knows our ICE password (RFC 8445 section 7.3, RFC 8489 section 14.5).
 *
 * @module
 */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Type of a binding request (RFC 8489 section 5). */
export const BINDING_REQUEST = 0x0001;

const HEADER_BYTES = 20;
const COOKIE = 0x2112a442;
const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;

/** An attribute's header, and HMAC-SHA1's length. */
const ATTRIBUTE_BYTES = 4;
const INTEGRITY_BYTES = 20;

/** Whether it has STUN's form: two zero bits, the cookie, and the length that it says. */
export function isStun(packet: Uint8Array): boolean {
  if (packet.length < HEADER_BYTES || packet[0]! > 3) return false;
  const view = viewOf(packet);
  return view.getUint32(4) === COOKIE && view.getUint16(2) === packet.length - HEADER_BYTES;
}

/**
 * Checks the user name and the integrity of a binding request.
 *
 * @param passwordOf Our password for a user name fragment of ours, or undefined.
 */
export function isAuthentic(
  packet: Uint8Array,
  passwordOf: (fragment: string) => string | undefined,
): boolean {
  const view = viewOf(packet);
  let password: string | undefined;
  for (let at = HEADER_BYTES; at + ATTRIBUTE_BYTES <= packet.length;) {
    const [type, length] = [view.getUint16(at), view.getUint16(at + 2)];
    const start = at + ATTRIBUTE_BYTES;
    if (start + length > packet.length) return false;
    if (type === USERNAME) {
      const name = new TextDecoder().decode(packet.subarray(start, start + length));
      password = passwordOf(name.slice(0, Math.max(0, name.indexOf(":"))));
    } else if (type === MESSAGE_INTEGRITY) {
      if (password === undefined || length !== INTEGRITY_BYTES) return false;
      return timingSafeEqual(integrity(packet, at, password), packet.subarray(start, start + length));
    }
    at = start + length + (-length & 3);
  }
  return false;
}

/** The HMAC over all before the attribute, with the length of a message that ends with it. */
function integrity(packet: Uint8Array, at: number, password: string): Uint8Array {
  const covered = new Uint8Array(packet.subarray(0, at)); // a Buffer's own slice would not copy
  viewOf(covered).setUint16(2, at - HEADER_BYTES + ATTRIBUTE_BYTES + INTEGRITY_BYTES);
  return createHmac("sha1", password).update(covered).digest();
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
