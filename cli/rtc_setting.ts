/**
 * Values of the settings in the section `rtc`.
 *
 * @module
 */
import { isIP } from "node:net";
import type { IceServer } from "../rtc/settings.ts";
import { textual } from "./setting.ts";

/** Smallest range: werift looks for a free port at random, and each peer takes one for each address. */
const FEWEST_PORTS = 2;

/**
 * Reads `stun:host:3478`, `turn:host:3478?transport=udp` or `turn:user:password@host:3478`.
 *
 * @returns undefined when it is none of these.
 */
export function parseIceServer(text: string): IceServer | undefined {
  const match = /^(stuns?|turns?):(?:([^:@\s]+):([^@\s]+)@)?([^@\s?]+)(\?transport=(?:udp|tcp))?$/i.exec(
    text.trim(),
  );
  if (!match) return undefined;
  const [, scheme, username, credential, host, transport = ""] = match;
  if (username !== undefined && !/^turn/i.test(scheme!)) return undefined;
  const server = { url: `${scheme!.toLowerCase()}:${host}${transport}` };
  return username === undefined || credential === undefined
    ? server
    : { ...server, username: decodeURIComponent(username), credential: decodeURIComponent(credential) };
}

/** A STUN or TURN server, as {@link parseIceServer} reads it. */
export function iceServer() {
  return textual(
    (text) => parseIceServer(text) && text.trim(),
    "a server such as stun:host:3478 or turn:user:password@host:3478?transport=udp",
  );
}

/** The server without its password, to be shown. */
export function maskIceServer(text: string): string {
  return text.replace(/^(turns?:[^:@]+:)[^@]+@/i, "$1********@");
}

/** A range of ports, `50000-50100`. */
export function portRange() {
  return textual((text): readonly [number, number] | undefined => {
    const match = /^(\d{1,5})\s*-\s*(\d{1,5})$/.exec(text.trim());
    const first = Number(match?.[1]);
    const last = Number(match?.[2]);
    return first >= 1 && last <= 65_535 && last - first + 1 >= FEWEST_PORTS ? [first, last] : undefined;
  }, "a range of at least two ports such as 50000-50100");
}

/** An IPv4 or IPv6 address. */
export function ipAddress() {
  return textual((text) => isIP(text.trim()) === 0 ? undefined : text.trim(), "an IPv4 or IPv6 address");
}

/** An address, or the name of an interface such as `eth0`: at most 15 characters on Linux, with a margin for others. */
export function addressOrInterface() {
  return textual(
    (text) => isIP(text.trim()) !== 0 || /^[a-z][\w.-]{0,31}$/i.test(text.trim()) ? text.trim() : undefined,
    "an IPv4 or IPv6 address or the name of an interface such as eth0",
  );
}
