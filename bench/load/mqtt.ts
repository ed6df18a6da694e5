/**
 * MQTT 3.1.1, over TCP and over WebSockets: publishers at QoS 0 or 1, subscribers at QoS 0.
 *
 * @module
 */
import {
  type Client,
  type OnSample,
  payloadOf,
  type Publisher,
  type Shape,
  type Subscriber,
} from "./client.ts";
import { type Cut, Frames } from "./frames.ts";
import type { ServerAddress } from "./job.ts";
import { joined } from "./nats.ts";
import { Outgoing } from "./outgoing.ts";
import { poller } from "./poller.ts";
import { addHeader, BINARY, frame, openWebSocket } from "./websocket.ts";
import type { Wire } from "./wire.ts";

const encoder = new TextEncoder();
const CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBACK = 9;

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

const KEEP_ALIVE_OFF = 0, CLEAN_SESSION = 2, VERSION_3_1_1 = 4, USER_AND_PASSWORD = 0xc0;
let clients = 0;

/** Messages at QoS 1 that a publisher has under way, at most. */
const WINDOW = 512;

/** Where to connect, and as whom. */
export interface MqttAddress {
  host: string;
  port: number;
  overWebSocket?: boolean;
  login?: { user: string; password: string };
}

interface Connection {
  socket: Wire;
  write(bytes: Uint8Array): void;
  /** Waits for a packet of this type. */
  answer(type: number): Promise<void>;
  /** Is told of each PUBACK. */
  acknowledged: () => void;
}

async function open(address: MqttAddress, onSample: OnSample): Promise<Connection> {
  const waiters = new Map<number, () => void>();
  const lost = Promise.withResolvers<never>();
  const cut = packetsCut(onSample, (type) => {
    if (type === PUBACK) connection.acknowledged();
    else waiters.get(type)?.();
  });
  const { host, port, overWebSocket = false, login } = address;
  const frames = new Frames(cut);
  const socket = overWebSocket
    ? await openWebSocket(
      { host, port, path: "/mqtt", protocols: ["mqtt"] },
      (_, bytes, start, end) => frames.push(bytes, start, end),
    )
    : (await poller()).connect(host, port, cut);
  socket.onClose = () => lost.reject(new Error(`${host}:${port} closed the connection`));
  lost.promise.catch(() => {}); // told to whoever waits for an answer
  const connection: Connection = {
    socket,
    write: (bytes) => void socket.write(overWebSocket ? frame(BINARY, bytes) : bytes),
    answer: (type) =>
      Promise.race([lost.promise, new Promise<void>((resolve) => waiters.set(type, resolve))]),
    acknowledged: () => {},
  };
  const connected = connection.answer(CONNACK);
  connection.write(packet(
    0x10,
    text("MQTT"),
    Uint8Array.of(VERSION_3_1_1, CLEAN_SESSION | (login ? USER_AND_PASSWORD : 0), 0, KEEP_ALIVE_OFF),
    text(`bench-${++clients}`),
    ...login ? [text(login.user), text(login.password)] : [],
  ));
  await connected;
  return connection;
}

/** Cuts a server's packets: the samples of PUBLISH, of all else the type. */
export function packetsCut(onSample: OnSample, onOther: (type: number) => void): Cut {
  return (bytes, from, to) => {
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
  };
}

class MqttPublisher implements Publisher {
  readonly socket: Wire;
  readonly #out = new Outgoing();
  readonly #messages: Uint8Array[];
  readonly #view: DataView[];
  #turn = 0;
  #id = 0;
  #underWay = 0;

  constructor(connection: Connection, readonly overWebSocket: boolean, index: number, readonly shape: Shape) {
    this.socket = connection.socket;
    connection.acknowledged = () => this.#underWay--;
    const payload = payloadOf(shape.bytes);
    const id = shape.qos === 1 ? [new Uint8Array(2)] : [];
    this.#messages = Array.from(
      { length: shape.topicsPerPublisher },
      (_, i) => packet((PUBLISH << 4) | (shape.qos << 1), text(`bench-${index}/bench/${i}`), ...id, payload),
    );
    this.#view = this.#messages.map((one) => new DataView(one.buffer));
  }

  get full(): boolean {
    return this.#underWay >= WINDOW;
  }

  encode(nowMs: number, messages: number): Uint8Array {
    for (; messages > 0; messages--) {
      if (this.overWebSocket) addHeader(this.#out, BINARY, this.#size());
      for (let i = 0; i < this.shape.perWrite; i++) this.#add(nowMs);
    }
    return this.#out.take();
  }

  /** Bytes of the packets that are next, which share a message of the WebSocket. */
  #size(): number {
    let size = 0;
    for (let i = 0; i < this.shape.perWrite; i++) {
      size += this.#messages[(this.#turn + i) % this.#messages.length]!.length;
    }
    return size;
  }

  #add(nowMs: number): void {
    const { qos, bytes } = this.shape;
    const turn = this.#turn++ % this.#messages.length;
    const message = this.#messages[turn]!;
    const payload = message.length - bytes;
    this.#view[turn]!.setFloat64(payload, nowMs, true);
    if (qos === 1) {
      this.#underWay++;
      this.#id = this.#id % 0xffff + 1;
      this.#view[turn]!.setUint16(payload - 2, this.#id);
    }
    this.#out.add(message);
  }
}

/** Connects one who publishes on `bench-<index>/bench/…`. */
export async function mqttPublisher(address: MqttAddress, index: number, shape: Shape): Promise<Publisher> {
  const connection = await open(address, () => {});
  return new MqttPublisher(connection, address.overWebSocket ?? false, index, shape);
}

/** Connects one who subscribes to a filter. */
export async function mqttSubscriber(
  address: MqttAddress,
  filter: string,
  onSample: OnSample,
): Promise<Subscriber> {
  const connection = await open(address, onSample);
  const subscribed = connection.answer(SUBACK);
  connection.write(packet(0x82, Uint8Array.of(0, 1), text(filter), Uint8Array.of(0)));
  await subscribed;
  return { socket: connection.socket };
}

/** An MQTT broker's clients; where it has a bridge to another one, that is where subscribers are. */
export function mqttClient(server: ServerAddress): Client {
  const { host, port, broker } = server;
  const overWebSocket = server.protocol === "mqtt-websocket";
  return {
    publisher: (index, shape) => mqttPublisher({ host, port, overWebSocket }, index, shape),
    subscriber: (onSample) => mqttSubscriber(broker ?? { host, port, overWebSocket }, "+/bench/#", onSample),
  };
}
