/**
 * The NATS client protocol over TCP.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { type Client, type OnSample, payloadOf, type Publisher, type Shape } from "./client.ts";
import { Frames } from "./frames.ts";
import type { ServerAddress } from "./job.ts";

const encoder = new TextEncoder();
const LF = 10, M = 77, SPACE = 32, P = 80, O = 79;

async function open(server: ServerAddress, lines: string, onSample: OnSample): Promise<Socket> {
  const socket = connect({ host: server.host, port: server.port, noDelay: true });
  const ready = Promise.withResolvers<void>();
  const frames = new Frames((bytes, from, to) => cut(bytes, from, to, socket, onSample, ready.resolve));
  socket.on("error", ready.reject);
  socket.on("data", (chunk: Uint8Array) => frames.push(chunk));
  socket.write(`CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1"}\r\n${lines}PING\r\n`);
  await ready.promise;
  return socket;
}

/** `MSG <subject> <sid> <size>\r\n<payload>\r\n`, or a line. */
function cut(
  bytes: Uint8Array,
  from: number,
  to: number,
  socket: Socket,
  onSample: OnSample,
  pong: () => void,
): number {
  let at = from;
  for (;;) {
    const line = bytes.indexOf(LF, at);
    if (line < 0 || line >= to) return at;
    if (bytes[at] === M) {
      let size = 0;
      for (let i = line - 2, unit = 1; bytes[i] !== SPACE; i--, unit *= 10) size += (bytes[i]! - 48) * unit;
      if (line + 1 + size + 2 > to) return at;
      onSample(bytes, line + 1);
      at = line + 1 + size + 2;
    } else {
      if (bytes[at] === P && bytes[at + 1] === O) pong();
      else if (bytes[at] === P) socket.write("PONG\r\n");
      at = line + 1;
    }
  }
}

class NatsPublisher implements Publisher {
  readonly #messages: Uint8Array[];
  readonly #view: (DataView)[];
  #turn = 0;
  readonly full = false;

  constructor(readonly socket: Socket, index: number, readonly shape: Shape) {
    const payload = payloadOf(shape.bytes);
    this.#messages = Array.from({ length: shape.topicsPerPublisher }, (_, i) => {
      const head = encoder.encode(`PUB bench-${index}.bench.${i} ${shape.bytes}\r\n`);
      const message = new Uint8Array(head.length + payload.length + 2);
      message.set(head);
      message.set(payload, head.length);
      message.set([13, 10], head.length + payload.length);
      return message;
    });
    this.#view = this.#messages.map((one) =>
      new DataView(one.buffer, one.length - shape.bytes - 2, shape.bytes)
    );
  }

  encode(nowMs: number, count: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const turn = this.#turn++ % this.#messages.length;
      this.#view[turn]!.setFloat64(0, nowMs, true);
      parts.push(this.#messages[turn]!.slice());
    }
    return joined(parts);
  }
}

/** The parts as one piece of memory. */
export function joined(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** nats-server's clients. */
export function natsClient(server: ServerAddress): Client {
  return {
    publisher: async (index, shape) => new NatsPublisher(await open(server, "", () => {}), index, shape),
    subscriber: async (onSample) => ({ socket: await open(server, "SUB *.bench.> 1\r\n", onSample) }),
  };
}
