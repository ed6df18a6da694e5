/**
 * The NATS client protocol over TCP.
 *
 * @module
 */
import { type Client, type OnSample, payloadOf, type Publisher, type Shape } from "./client.ts";
import type { Cut } from "./frames.ts";
import type { ServerAddress } from "./job.ts";
import { Outgoing } from "./outgoing.ts";
import { poller } from "./poller.ts";
import type { Wire } from "./wire.ts";

const encoder = new TextEncoder();
const LF = 10, CR = 13, M = 77, SPACE = 32, P = 80, O = 79, ZERO = 48;

async function open(server: ServerAddress, lines: string, onSample: OnSample): Promise<Wire> {
  const ready = Promise.withResolvers<void>();
  const cut = linesCut(onSample, ready.resolve, () => wire.write(encoder.encode("PONG\r\n")));
  const wire = (await poller()).connect(server.host, server.port, cut);
  wire.onClose = () => ready.reject(new Error(`${server.host}:${server.port} closed the connection`));
  wire.write(
    encoder.encode(
      `CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1"}\r\n${lines}PING\r\n`,
    ),
  );
  await ready.promise;
  return wire;
}

/** Cuts `MSG <subject> <sid> <size>\r\n<payload>\r\n`, and lines. */
export function linesCut(onSample: OnSample, pong: () => void, ping: () => void): Cut {
  return (bytes, from, to) => {
    let at = from;
    for (;;) {
      let line = at;
      // What follows the last space of a line is the size of a message.
      let size = 0;
      for (let byte = 0; line < to && (byte = bytes[line]!) !== LF; line++) {
        if (byte === SPACE) size = 0;
        else if (byte !== CR) size = size * 10 + byte - ZERO;
      }
      if (line >= to) return at;
      if (bytes[at] === M) {
        if (line + 1 + size + 2 > to) return at;
        onSample(bytes, line + 1);
        at = line + 1 + size + 2;
      } else {
        if (bytes[at] === P) bytes[at + 1] === O ? pong() : ping();
        at = line + 1;
      }
    }
  };
}

/** One who publishes on `bench-<index>.bench.…`. */
export class NatsPublisher implements Publisher {
  readonly full = false;
  readonly #out = new Outgoing();
  readonly #messages: Uint8Array[];
  readonly #view: DataView[];
  #turn = 0;

  constructor(readonly socket: Wire, index: number, readonly shape: Shape) {
    const payload = payloadOf(shape.bytes);
    this.#messages = Array.from(
      { length: shape.topicsPerPublisher },
      (_, i) =>
        joined([
          encoder.encode(`PUB bench-${index}.bench.${i} ${shape.bytes}\r\n`),
          payload,
          Uint8Array.of(CR, LF),
        ]),
    );
    this.#view = this.#messages.map((one) =>
      new DataView(one.buffer, one.length - shape.bytes - 2, shape.bytes)
    );
  }

  encode(nowMs: number, messages: number): Uint8Array {
    for (let i = messages * this.shape.perWrite; i > 0; i--) {
      const turn = this.#turn++ % this.#messages.length;
      this.#view[turn]!.setFloat64(0, nowMs, true);
      this.#out.add(this.#messages[turn]!);
    }
    return this.#out.take();
  }
}

/** The parts as one piece of memory. */
export function joined(parts: Uint8Array[]): Uint8Array {
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
