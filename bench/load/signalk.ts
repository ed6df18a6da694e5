/**
 * Signal K: one delta a sample over WebSocket, as JSON, which is what its server takes and sends.
 *
 * @module
 */
import type { Client, OnSample, Publisher, Shape } from "./client.ts";
import { payloadOf } from "./client.ts";
import type { ServerAddress } from "./job.ts";
import { joined } from "./nats.ts";
import { openWebSocket, textFrame } from "./websocket.ts";

const STREAM = "/signalk/v1/stream";

/** Before the stamp in a value; nothing else in a delta looks like it. */
const MARK = new TextEncoder().encode('"stamp:');

/** Digits of a stamp, so that every value has the same length. */
const STAMP_DIGITS = 16;

const POINT = 0x2e, ZERO = 0x30;

/** Where the stamp's digits begin; -1 in a message that carries none. */
function stampAt(bytes: Uint8Array, from: number, to: number): number {
  const last = to - MARK.length - STAMP_DIGITS;
  outer: for (
    let at = bytes.indexOf(MARK[0]!, from);
    at >= 0 && at <= last;
    at = bytes.indexOf(MARK[0]!, at + 1)
  ) {
    for (let i = 1; i < MARK.length; i++) if (bytes[at + i] !== MARK[i]) continue outer;
    return at + MARK.length;
  }
  return -1;
}

/** Reads digits with a point among them. */
function number(bytes: Uint8Array, at: number): number {
  let whole = 0, part = 0, unit = 0;
  for (let i = at; i < at + STAMP_DIGITS; i++) {
    const byte = bytes[i]!;
    if (byte === POINT) unit = 1;
    else if (unit === 0) whole = whole * 10 + byte - ZERO;
    else part += (byte - ZERO) * (unit /= 10);
  }
  return whole + part;
}

function publisher(
  socket: Publisher["socket"],
  index: number,
  { bytes, perWrite, topicsPerPublisher }: Shape,
): Publisher {
  const pad = Array.from(
    payloadOf(Math.max(0, bytes - (MARK.length - 1) - STAMP_DIGITS)),
    (byte) => byte.toString(36)[0],
  ).join("");
  let turn = 0;
  return {
    socket,
    full: false,
    encode(nowMs, messages) {
      const frames: Uint8Array[] = [];
      for (let i = messages * perWrite; i > 0; i--) {
        const stamp = nowMs.toFixed(6).padStart(STAMP_DIGITS, "0");
        const path = `bench.d${index}.t${turn++ % topicsPerPublisher}`;
        const values = [{ path, value: `stamp:${stamp}${pad}` }];
        frames.push(textFrame(JSON.stringify({ context: "vessels.self", updates: [{ values }] })));
      }
      return joined(frames);
    },
  };
}

/** The server greets every connection; from then on it has it among those that hear of deltas. */
async function open(server: ServerAddress, query: string, onSample: OnSample) {
  const greeted = Promise.withResolvers<void>();
  const stamp = new Uint8Array(8);
  const view = new DataView(stamp.buffer);
  const socket = await openWebSocket(
    { ...server, path: `${STREAM}?${query}`, protocols: [] },
    (_, bytes, start, end) => {
      const at = stampAt(bytes, start, end);
      if (at < 0) return greeted.resolve();
      view.setFloat64(0, number(bytes, at), true);
      onSample(stamp, 0);
    },
  );
  await greeted.promise;
  return socket;
}

/** A Signal K server's clients. */
export function signalkClient(server: ServerAddress): Client {
  return {
    publisher: async (index, shape) =>
      publisher(await open(server, "subscribe=none", () => {}), index, shape),
    subscriber: async (onSample) => ({
      socket: await open(server, "subscribe=all&sendCachedValues=false&sendMeta=none", onSample),
    }),
  };
}
