/**
 * WebSockets of npm `ws` on the sockets of `node:http`, and their broadcast groups, as transports. `ws` does the
 * handshake, takes most kinds of frames apart and closes; whole binary messages are taken in here, and what is sent
 * is framed here, so that a message to many is framed once.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { LoopGroup, NOBODY } from "../transport/loop_group.ts";
import type { Accept, BroadcastGroup, Transport } from "../transport/transport.ts";
import { WebSocketTransport } from "../transport/websocket.ts";
import type { WebSocketLimits } from "../transport/websocket.ts";
import { FrameIntake } from "./frame_intake.ts";
import type { ServerWebSocket } from "./node_websocket.ts";

/** First byte of a whole message's only frame: FIN and the opcode (RFC 6455 section 5.2). */
const TEXT = 0x81;
const BINARY = 0x82;

/** One unmasked frame with room for `length` bytes of payload, which begins at `start` (RFC 6455 section 5.2). */
function frameOf(opcode: number, length: number): { frame: Buffer; start: number } {
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = opcode;
  if (start === 2) frame[1] = length;
  else if (start === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(0, 2);
    frame.writeUInt32BE(length, 6);
  }
  return { frame, start };
}

/** A binary message as a frame of its own memory. */
function binaryFrame(message: Uint8Array): Buffer {
  const { frame, start } = frameOf(BINARY, message.byteLength);
  frame.set(message, start);
  return frame;
}

function textFrame(message: string): Buffer {
  const { frame, start } = frameOf(TEXT, Buffer.byteLength(message));
  frame.write(message, start);
  return frame;
}

/** `WebSocket.OPEN`: `ws` itself is loaded with the server only. */
const OPEN = 1;

/** A WebSocket of `ws`. */
export class NodeSocket extends WebSocketTransport {
  readonly #webSocket: ServerWebSocket;
  readonly #socket: Duplex;

  /** @param socket The connection beneath `webSocket`. */
  constructor(webSocket: ServerWebSocket, socket: Duplex, remote: string, limits: WebSocketLimits) {
    super(remote, limits);
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.maxMessageBytes = limits.maxMessageBytes;
    const intake = this.#takeIn();
    webSocket.closing = (code, reason) => {
      intake.end();
      this.ended(code, reason);
    };
    webSocket.on("message", (data, isBinary) => {
      const bytes = data as Buffer; // the default of `binaryType`
      if (!isBinary) return this.receivedText(bytes.toString());
      // A Buffer's `slice` does not copy, so it is not lent out.
      this.receivedBytes(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    });
    webSocket.on("error", () => {}); // what was wrong has gone to `closing`, or the connection broke and closes
    webSocket.on("close", (code, reason) => this.ended(code, reason.toString()));
  }

  /** Puts the intake before the receiver of `ws`, which listens to the connection by now. */
  #takeIn(): FrameIntake {
    const [receive] = this.#socket.listeners("data") as ((bytes: Buffer) => void)[];
    if (receive === undefined) throw new Error("`ws` does not listen to the connection that it was given");
    const intake = new FrameIntake({
      maxMessageBytes: this.limits.maxMessageBytes,
      message: (bytes) => this.receivedBytes(bytes),
      other: (bytes) => receive.call(this.#socket, bytes),
    });
    this.#socket.on("data", (bytes: Buffer) => intake.push(bytes));
    this.#socket.off("data", receive);
    return intake;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** The peer may have closed it already. */
  override get open(): boolean {
    return super.open && this.#webSocket.readyState === OPEN;
  }

  /** Tells the owner that there is a connection. */
  begin(accept: Accept): void {
    this.opened(accept);
  }

  protected transmit(message: string | Uint8Array): boolean {
    return this.transmitFrame(typeof message === "string" ? textFrame(message) : binaryFrame(message));
  }

  /** Writes a whole frame, which is not copied. False once the connection is closing. */
  transmitFrame(frame: Buffer): boolean {
    if (this.#webSocket.readyState !== OPEN) return false;
    this.#socket.write(frame);
    return true;
  }

  protected shut(code: number, reason: string): void {
    this.#webSocket.shut(code, reason);
  }
}

/** Broadcast with one frame that all members' connections share. */
export class NodeGroup implements BroadcastGroup {
  readonly #members = new Set<NodeSocket>();
  /** Members of other kinds, such as DataChannels. */
  readonly #others = new LoopGroup();

  get size(): number {
    return this.#members.size + this.#others.size;
  }

  add(transport: Transport): void {
    if (!(transport instanceof NodeSocket)) return this.#others.add(transport);
    if (!transport.open || this.#members.has(transport)) return;
    this.#members.add(transport);
    transport.joined(this);
  }

  delete(transport: Transport): void {
    if (!(transport instanceof NodeSocket)) return this.#others.delete(transport);
    if (this.#members.delete(transport)) transport.left(this);
  }

  send(message: Uint8Array): readonly Transport[] {
    let refused: Transport[] | undefined;
    if (this.#members.size > 0) {
      const frame = binaryFrame(message);
      for (const member of this.#members) {
        if (member.writable && member.transmitFrame(frame)) member.countOut(message.byteLength);
        else (refused ??= []).push(member);
      }
    }
    if (this.#others.size === 0) return refused ?? NOBODY;
    return [...refused ?? NOBODY, ...this.#others.send(message)];
  }
}
