/**
 * As much of RFC 6455 as a client that measures needs. Frames are masked with a key of zeros, which every server
 * has to unmask like any other and which costs this side nothing.
 *
 * @module
 */
import type { Cut } from "./frames.ts";
import { Outgoing } from "./outgoing.ts";
import { poller } from "./poller.ts";
import type { Wire } from "./wire.ts";

const TEXT = 1, CLOSE = 8, PING = 9, PONG = 10;

/** Opcode of a message of bytes. */
export const BINARY = 2;

/** Longest header of a frame from a client. */
const HEADER_BYTES = 14;

/** Told of each message; `bytes[start, end)` is borrowed. */
export type OnMessage = (text: boolean, bytes: Uint8Array, start: number, end: number) => void;

/** Appends the header of a frame whose payload of so many bytes comes next. */
export function addHeader(out: Outgoing, opcode: number, size: number): void {
  out.reserve(HEADER_BYTES + size);
  const { bytes } = out;
  let at = out.length;
  bytes[at++] = 0x80 | opcode;
  if (size < 126) bytes[at++] = 0x80 | size;
  else if (size < 65_536) {
    bytes[at++] = 0x80 | 126;
    bytes[at++] = size >> 8;
    bytes[at++] = size;
  } else {
    bytes[at++] = 0x80 | 127;
    bytes.fill(0, at, at += 4);
    for (let shift = 24; shift >= 0; shift -= 8) bytes[at++] = size >>> shift;
  }
  bytes.fill(0, at, at += 4);
  out.length = at;
}

/** Frames a message. */
export function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const out = new Outgoing();
  addHeader(out, opcode, payload.length);
  out.add(payload);
  return out.take();
}

const encoder = new TextEncoder();

/** Frames a text message. */
export const textFrame = (text: string): Uint8Array => frame(TEXT, encoder.encode(text));

/** Connects and shakes hands. */
export async function openWebSocket(
  address: { host: string; port: number; path: string; protocols: string[] },
  onMessage: OnMessage,
): Promise<Wire> {
  const opened = Promise.withResolvers<void>();
  const wire = (await poller()).connect(address.host, address.port, (bytes, from, to) => {
    const head = String.fromCharCode(...bytes.subarray(from, Math.min(to, from + 8_192)));
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return from;
    if (!head.startsWith("HTTP/1.1 101")) {
      opened.reject(new Error(head));
      return to;
    }
    wire.cut = framesCut(onMessage, (payload) => wire.write(frame(PONG, payload)));
    opened.resolve();
    return wire.cut(bytes, from + end + 4, to);
  });
  wire.onClose = () => opened.reject(new Error(`${address.host}:${address.port} closed the connection`));
  wire.write(encoder.encode(
    `GET ${address.path} HTTP/1.1\r\nHost: ${address.host}:${address.port}\r\nConnection: Upgrade\r\n` +
      `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGlkZWdhdGUgYmVuY2ghIQ==\r\n` +
      (address.protocols.length === 0 ? "" : `Sec-WebSocket-Protocol: ${address.protocols.join(", ")}\r\n`) +
      "\r\n",
  ));
  await opened.promise;
  return wire;
}

/** Cuts a server's frames; a message in several frames is told as several. */
export function framesCut(onMessage: OnMessage, onPing: (payload: Uint8Array) => void): Cut {
  return (bytes, from, to) => {
    let at = from;
    while (to - at >= 2) {
      const opcode = bytes[at]! & 0x0f;
      let size = bytes[at + 1]!;
      let start = at + 2;
      if (size === 126) {
        start += 2;
        if (to < start) return at;
        size = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      } else if (size === 127) {
        start += 8;
        if (to < start) return at;
        size = ((bytes[at + 6]! << 24) | (bytes[at + 7]! << 16) | (bytes[at + 8]! << 8) | bytes[at + 9]!) >>>
          0;
      }
      const end = start + size;
      if (end > to) return at;
      if (opcode < CLOSE) onMessage(opcode === TEXT, bytes, start, end);
      else if (opcode === PING) onPing(bytes.slice(start, end));
      at = end;
    }
    return at;
  };
}
