/**
 * A WebSocket client (RFC 6455) on a bare socket, so that tests can do what a proper client will not: see the
 * status of a refused upgrade, send broken frames, stop reading, vanish without a word.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** Frame opcodes of RFC 6455 section 5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** What arrives. `close` is the last; its code is 1006 where the connection ended without a close frame. */
export type Incoming =
  | { kind: "text"; text: string }
  | { kind: "binary"; bytes: Uint8Array }
  | { kind: "close"; code: number; reason: string };

/** A byte stream both ways. */
export interface Wire {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
  close(): void;
}

/** How to open a {@link RawWebSocket}. */
export interface RawOptions {
  /** Entries of `Sec-WebSocket-Protocol`. */
  protocols?: string[];
  headers?: Record<string, string>;
  /** Use this byte stream instead of a new TCP connection. */
  wire?: Wire;
}

/** The server answered the handshake with something else than 101. */
export class UpgradeRefused extends Error {
  override readonly name = "UpgradeRefused";
  constructor(readonly status: number, readonly head: string, readonly body: string) {
    super(`upgrade refused with ${status}: ${body || head}`);
  }
}

/** Collects bytes until a caller's wish is met. */
class ByteReader {
  #held = new Uint8Array(0);
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader();
  }
  /** Exactly `length` bytes, or undefined when the stream ends first. */
  async exactly(length: number): Promise<Uint8Array | undefined> {
    while (this.#held.length < length) if (!(await this.#more())) return undefined;
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }
  /** Up to and including the first occurrence of `mark`, or what there is when the stream ends. */
  async until(mark: string): Promise<string> {
    for (;;) {
      const at = Buffer.from(this.#held).indexOf(mark);
      if (at >= 0) return new TextDecoder().decode(await this.exactly(at + mark.length));
      if (!(await this.#more())) return new TextDecoder().decode(this.#held);
    }
  }
  async #more(): Promise<boolean> {
    const { value, done } = await this.#reader.read().catch(() => ({ value: undefined, done: true }));
    if (done || !value) return false;
    const joined = new Uint8Array(this.#held.length + value.length);
    joined.set(this.#held);
    joined.set(value, this.#held.length);
    this.#held = joined;
    return true;
  }
}

function handshake(url: URL, options: RawOptions): string {
  const headers = {
    Host: url.host,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16)))),
    ...(options.protocols ? { "Sec-WebSocket-Protocol": options.protocols.join(", ") } : {}),
    ...options.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

/** An open connection. Nothing is read from the socket except while a {@link receive} is pending. */
export class RawWebSocket {
  readonly #wire: Wire;
  readonly #reader: ByteReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #ended = false;

  private constructor(wire: Wire, reader: ByteReader, readonly protocol: string | undefined) {
    this.#wire = wire;
    this.#reader = reader;
    this.#writer = wire.writable.getWriter();
    // A write that fails because the peer is gone shows in `receive`.
    this.#writer.closed.catch(() => {});
  }

  /**
   * Connects and upgrades.
   *
   * @param address `http:` or `ws:` address.
   * @throws {UpgradeRefused} when the answer is not 101.
   */
  static async open(address: string | URL, options: RawOptions = {}): Promise<RawWebSocket> {
    const url = new URL(address);
    const wire = options.wire ?? await Deno.connect({ hostname: url.hostname, port: Number(url.port) });
    const writer = wire.writable.getWriter();
    await writer.write(new TextEncoder().encode(handshake(url, options)));
    writer.releaseLock();
    const reader = new ByteReader(wire.readable);
    const head = await reader.until("\r\n\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
    if (status !== 101) {
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      const body = new TextDecoder().decode(await reader.exactly(length));
      wire.close();
      throw new UpgradeRefused(status, head, body);
    }
    return new RawWebSocket(wire, reader, /^sec-websocket-protocol: *(.+?)\r$/im.exec(head)?.[1]);
  }

  /** Sends a text message. */
  sendText(text: string): Promise<void> {
    return this.sendFrame(OPCODE.text, new TextEncoder().encode(text));
  }

  /** Sends a binary message. */
  sendBinary(bytes: Uint8Array): Promise<void> {
    return this.sendFrame(OPCODE.binary, bytes);
  }

  /** Sends one frame, masked as RFC 6455 section 5.3 asks of clients. */
  sendFrame(opcode: number, payload: Uint8Array, { final = true } = {}): Promise<void> {
    const size = payload.length;
    const extended = size < 126 ? 0 : size < 65_536 ? 2 : 8;
    const frame = new Uint8Array(2 + extended + 4 + size);
    const view = new DataView(frame.buffer);
    frame[0] = (final ? 0x80 : 0) | opcode;
    frame[1] = 0x80 | (extended === 0 ? size : extended === 2 ? 126 : 127);
    if (extended === 2) view.setUint16(2, size);
    if (extended === 8) view.setBigUint64(2, BigInt(size));
    const mask = crypto.getRandomValues(new Uint8Array(4));
    frame.set(mask, 2 + extended);
    for (let i = 0; i < size; i++) frame[6 + extended + i] = payload[i]! ^ mask[i % 4]!;
    return this.sendBytes(frame);
  }

  /** Sends bytes as they are, whether or not they are a frame. */
  async sendBytes(bytes: Uint8Array): Promise<void> {
    // The gateway may have ended the connection while a test still writes: what it said is in `receive`.
    await this.#writer.write(bytes).catch(() => {});
  }

  /** The next message. Pings are answered on the way, as every client must. After `close` it repeats `close`. */
  async receive(): Promise<Incoming> {
    const parts: Uint8Array[] = [];
    let kind: number | undefined;
    for (;;) {
      const frame = this.#ended ? undefined : await this.#frame();
      if (!frame) {
        this.#ended = true;
        return { kind: "close", code: 1006, reason: "" };
      }
      const { opcode, payload } = frame;
      if (opcode === OPCODE.ping) await this.sendFrame(OPCODE.pong, payload);
      else if (opcode === OPCODE.close) return this.#closing(payload);
      else if (opcode !== OPCODE.pong) {
        kind ??= opcode;
        parts.push(payload.slice());
        if (frame.final) return message(kind, parts);
      }
    }
  }

  /** Says goodbye with a close frame. */
  close(code = 1000): Promise<void> {
    return this.sendFrame(OPCODE.close, Uint8Array.of(code >> 8, code & 0xff));
  }

  /** Ends the TCP connection without a close frame, as a pulled cable or a crash does. */
  cut(): void {
    this.#ended = true;
    try {
      this.#wire.close();
    } catch {
      // Closed already.
    }
  }

  #closing(payload: Uint8Array): Incoming {
    const code = payload.length >= 2 ? (payload[0]! << 8) | payload[1]! : 1005;
    const reason = new TextDecoder().decode(payload.subarray(2));
    // RFC 6455 section 5.5.1: the close frame is answered before the connection goes.
    this.sendFrame(OPCODE.close, payload.slice(0, 2)).finally(() => this.cut());
    this.#ended = true;
    return { kind: "close", code, reason };
  }

  async #frame(): Promise<{ opcode: number; final: boolean; payload: Uint8Array } | undefined> {
    const head = await this.#reader.exactly(2);
    if (!head) return undefined;
    const final = (head[0]! & 0x80) !== 0;
    const opcode = head[0]! & 0x0f;
    let size = head[1]! & 0x7f;
    if (size >= 126) {
      const extended = await this.#reader.exactly(size === 126 ? 2 : 8);
      if (!extended) return undefined;
      size = extended.reduce((sum, byte) => sum * 256 + byte, 0);
    }
    const payload = await this.#reader.exactly(size);
    return payload && { opcode, final, payload };
  }
}

function message(opcode: number, parts: Uint8Array[]): Incoming {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return opcode === OPCODE.text
    ? { kind: "text", text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) }
    : { kind: "binary", bytes };
}
