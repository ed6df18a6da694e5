/**
 * As much of RFC 6455 as a client that measures needs. Frames are masked with a key of zeros, which every server
 * has to unmask like any other and which costs this side nothing.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { Frames } from "./frames.ts";

const TEXT = 1, CLOSE = 8, PING = 9, PONG = 10;

/** Told of each message; `bytes[start, end)` is borrowed. */
export type OnMessage = (text: boolean, bytes: Uint8Array, start: number, end: number) => void;

/** Frames a message. */
export function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const size = payload.length;
  const header = size < 126 ? 6 : size < 65_536 ? 8 : 14;
  const bytes = new Uint8Array(header + size);
  bytes[0] = 0x80 | opcode;
  if (header === 6) bytes[1] = 0x80 | size;
  else if (header === 8) {
    bytes[1] = 0x80 | 126;
    bytes[2] = size >> 8;
    bytes[3] = size;
  } else {
    bytes[1] = 0x80 | 127;
    new DataView(bytes.buffer).setBigUint64(2, BigInt(size));
  }
  bytes.set(payload, header);
  return bytes;
}

const encoder = new TextEncoder();

/** Frames a text message. */
export const textFrame = (text: string): Uint8Array => frame(TEXT, encoder.encode(text));

/** Connects and shakes hands. */
export async function openWebSocket(
  address: { host: string; port: number; path: string; protocols: string[] },
  onMessage: OnMessage,
): Promise<Socket> {
  const socket = connect({ host: address.host, port: address.port, noDelay: true });
  const frames = new Frames((bytes, from, to) => cut(bytes, from, to, socket, onMessage));
  const opened = Promise.withResolvers<void>();
  let head = "";
  let open = false;
  socket.on("error", opened.reject);
  socket.on("close", () => opened.reject(new Error(`the server closed the connection: ${head}`)));
  socket.on("data", (chunk: Uint8Array) => {
    if (open) return frames.push(chunk);
    head += String.fromCharCode(...chunk);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) return;
    if (!head.startsWith("HTTP/1.1 101")) return opened.reject(new Error(head));
    open = true;
    opened.resolve();
    const used = end + 4 - (head.length - chunk.length);
    if (used < chunk.length) frames.push(chunk, used);
  });
  socket.write(
    `GET ${address.path} HTTP/1.1\r\nHost: ${address.host}:${address.port}\r\nConnection: Upgrade\r\n` +
      `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGlkZWdhdGUgYmVuY2ghIQ==\r\n` +
      (address.protocols.length === 0 ? "" : `Sec-WebSocket-Protocol: ${address.protocols.join(", ")}\r\n`) +
      "\r\n",
  );
  await opened.promise;
  return socket;
}

function cut(bytes: Uint8Array, from: number, to: number, socket: Socket, onMessage: OnMessage): number {
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
      size = ((bytes[at + 6]! << 24) | (bytes[at + 7]! << 16) | (bytes[at + 8]! << 8) | bytes[at + 9]!) >>> 0;
    }
    const end = start + size;
    if (end > to) return at;
    if (opcode < CLOSE) onMessage(opcode === TEXT, bytes, start, end);
    else if (opcode === PING) socket.write(frame(PONG, bytes.slice(start, end)));
    at = end;
  }
  return at;
}
