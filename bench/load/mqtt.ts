/**
 * MQTT 3.1.1 at QoS 0, over TCP and over WebSockets.
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { type Client, type OnSample, payloadOf, type Publisher, type Shape } from "./client.ts";
import { Frames } from "./frames.ts";
import type { ServerAddress } from "./job.ts";
import { joined } from "./nats.ts";
import { frame, openWebSocket } from "./websocket.ts";

const encoder = new TextEncoder();
const BINARY = 2;
const CONNACK = 2, PUBLISH = 3, SUBACK = 9;

/** A packet: type and flags, remaining length, body. */
function packet(head: number, ...parts: Uint8Array[]): Uint8Array {
  const length: number[] = [];
  let left = parts.reduce((sum, part) => sum + part.length, 0);
  do {
    length.push((left % 128) | (left > 127 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return joined([Uint8Array.of(head, ...length), ...parts]);
}

function text(value: string): Uint8Array {
  const bytes = encoder.encode(value);
  return Uint8Array.of(bytes.length >> 8, bytes.length & 0xff, ...bytes);
}

const KEEP_ALIVE_OFF = 0, CLEAN_SESSION = 2, VERSION_3_1_1 = 4;
let clients = 0;

interface Connection {
  socket: Socket;
  write(bytes: Uint8Array): void;
  /** Waits for a packet of this type. */
  answer(type: number): Promise<void>;
}

async function open(server: ServerAddress, onSample: OnSample): Promise<Connection> {
  const waiters = new Map<number, () => void>();
  const frames = new Frames((bytes, from, to) =>
    cut(bytes, from, to, onSample, (type) => waiters.get(type)?.())
  );
  const overWebSocket = server.protocol === "mqtt-websocket";
  const socket = overWebSocket
    ? await openWebSocket(
      { ...server, path: "/mqtt", protocols: ["mqtt"] },
      (_, bytes, start, end) => frames.push(bytes, start, end),
    )
    : connect({ host: server.host, port: server.port, noDelay: true });
  if (!overWebSocket) socket.on("data", (chunk: Uint8Array) => frames.push(chunk));
  const connection: Connection = {
    socket,
    write: (bytes) => void socket.write(overWebSocket ? frame(BINARY, bytes) : bytes),
    answer: (type) => new Promise((resolve) => waiters.set(type, resolve)),
  };
  const connected = connection.answer(CONNACK);
  connection.write(packet(
    0x10,
    text("MQTT"),
    Uint8Array.of(VERSION_3_1_1, CLEAN_SESSION, 0, KEEP_ALIVE_OFF),
    text(`bench-${++clients}`),
  ));
  await connected;
  return connection;
}

function cut(
  bytes: Uint8Array,
  from: number,
  to: number,
  onSample: OnSample,
  onOther: (type: number) => void,
): number {
  let at = from;
  while (to - at >= 2) {
    let size = 0;
    let i = at + 1;
    for (let unit = 1;; unit *= 128) {
      if (i >= to) return at;
      const byte = bytes[i++]!;
      size += (byte & 127) * unit;
      if (byte < 128) break;
    }
    if (i + size > to) return at;
    const type = bytes[at]! >> 4;
    if (type === PUBLISH) onSample(bytes, i + 2 + ((bytes[i]! << 8) | bytes[i + 1]!));
    else onOther(type);
    at = i + size;
  }
  return at;
}

class MqttPublisher implements Publisher {
  readonly socket: Socket;
  readonly #messages: Uint8Array[];
  readonly #view: DataView[];
  #turn = 0;

  constructor(connection: Connection, readonly overWebSocket: boolean, index: number, shape: Shape) {
    this.socket = connection.socket;
    const payload = payloadOf(shape.bytes);
    this.#messages = Array.from(
      { length: shape.topicsPerPublisher },
      (_, i) => packet(PUBLISH << 4, text(`bench-${index}/bench/${i}`), payload),
    );
    this.#view = this.#messages.map((one) => new DataView(one.buffer, one.length - shape.bytes, shape.bytes));
  }

  encode(nowMs: number, count: number): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const turn = this.#turn++ % this.#messages.length;
      this.#view[turn]!.setFloat64(0, nowMs, true);
      const message = this.#messages[turn]!;
      parts.push(this.overWebSocket ? frame(BINARY, message) : message.slice());
    }
    return joined(parts);
  }
}

/** An MQTT broker's clients. */
export function mqttClient(server: ServerAddress): Client {
  return {
    async publisher(index, shape) {
      const connection = await open(server, () => {});
      return new MqttPublisher(connection, server.protocol === "mqtt-websocket", index, shape);
    },
    async subscriber(onSample) {
      const connection = await open(server, onSample);
      const subscribed = connection.answer(SUBACK);
      connection.write(packet(0x82, Uint8Array.of(0, 1), text("+/bench/#"), Uint8Array.of(0)));
      await subscribed;
      return { socket: connection.socket };
    },
  };
}
