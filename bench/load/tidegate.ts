/**
 * Devices and dashboards of this gateway: real tokens, real sessions, the protocol of docs/PROTOCOL.md.
 *
 * @module
 */
import type { Socket } from "node:net";
import { decodeAck } from "../../protocol/ack.ts";
import { BatchReader, BatchWriter, FRAME } from "../../protocol/batch.ts";
import { MAX_MESSAGE_BYTES, SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from "../../protocol/limits.ts";
import { type Client, payloadOf, type Publisher, type Shape } from "./client.ts";
import type { ServerAddress } from "./job.ts";
import { frame, openWebSocket, textFrame } from "./websocket.ts";

const BINARY = 2;
const decoder = new TextDecoder();

/** A session that answers pings and can wait until the gateway has seen all that was said. */
class Session {
  socket!: Socket;
  #waiters = new Map<string, (message: string) => void>();

  async open(server: ServerAddress, path: string, token: string, binary: (bytes: Uint8Array) => void) {
    const protocols = [SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX + token];
    this.socket = await openWebSocket({ ...server, path, protocols }, (text, bytes, start, end) => {
      if (!text) return binary(bytes.subarray(start, end));
      this.#control(decoder.decode(bytes.subarray(start, end)));
    });
  }

  say(message: object): void {
    this.socket.write(textFrame(JSON.stringify(message)));
  }

  /** Waits for a message of this type. */
  hear(type: string): Promise<string> {
    return new Promise((resolve) => this.#waiters.set(type, resolve));
  }

  #control(text: string): void {
    const { type, id, code, message }: { type: string; id?: number; code?: string; message?: string } = JSON
      .parse(text);
    if (type === "ping") return this.say({ type: "pong", id });
    if (type === "error") throw new Error(`the gateway answered ${code}: ${message}`);
    this.#waiters.get(type)?.(text);
    this.#waiters.delete(type);
  }
}

/** Adds a device and returns its token. */
export async function addDevice(server: ServerAddress, name: string): Promise<string> {
  const response = await fetch(`http://${server.host}:${server.port}/v1/devices`, {
    method: "POST",
    headers: { authorization: `Bearer ${server.token}`, "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (!response.ok) throw new Error(`adding ${name}: ${response.status} ${await response.text()}`);
  const { token }: { token: string } = await response.json();
  return token;
}

/** What a device advertises; its topics are `bench/0`, `bench/1`, … */
export interface DeviceOptions {
  topics: number;
  /** First part of each topic's name, where that is not `bench`. */
  prefix?: string;
  events?: boolean;
  /** Told of each acknowledgement of events. */
  acknowledged?: (channel: number, sequence: number) => void;
}

/** Connects a device that advertises `topics` channels. */
export async function connectDevice(
  server: ServerAddress,
  token: string,
  { topics, prefix = "bench", events = false, acknowledged }: DeviceOptions,
): Promise<Socket> {
  const session = new Session();
  await session.open(server, "/v1/device", token, (bytes) => {
    if (!acknowledged || bytes[0] !== FRAME.ack) return;
    for (const { channel, sequence } of decodeAck(bytes)) acknowledged(channel, sequence);
  });
  const welcome = session.hear("welcome");
  session.say({ type: "hello", protocol: 1, clock: "arrival" });
  await welcome;
  const channels = Array.from({ length: topics }, (_, i) => ({
    channel: i + 1,
    topic: `${prefix}/${i}`,
    ...(events ? { class: "event" } : {}),
  }));
  for (let i = 0; i < channels.length; i += 1000) {
    session.say({ type: "advertise", channels: channels.slice(i, i + 1000) });
  }
  const pong = session.hear("pong");
  session.say({ type: "ping", id: 1 });
  await pong;
  return session.socket;
}

/** Events of a device that are not acknowledged, at most; far below what the gateway allows. */
const EVENT_WINDOW = 16_384;

/** One device that sends samples, or events as they are acknowledged. */
export class Device implements Publisher {
  socket!: Socket;
  readonly #writer = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES });
  readonly #payload: Uint8Array;
  readonly #view: DataView;
  readonly #acked: number[] = [];
  #ackedInAll = 0;
  #sequence = 0;

  private constructor(readonly shape: Shape) {
    this.#payload = payloadOf(shape.bytes);
    this.#view = new DataView(this.#payload.buffer);
  }

  /** Adds the device to the gateway and connects it. */
  static async connect(server: ServerAddress, name: string, shape: Shape, prefix?: string): Promise<Device> {
    const device = new Device(shape);
    const { topicsPerPublisher: topics, events } = shape;
    device.socket = await connectDevice(server, await addDevice(server, name), {
      topics,
      events,
      ...(prefix === undefined ? {} : { prefix }),
      acknowledged: (channel, sequence) => device.#acknowledged(channel, sequence),
    });
    return device;
  }

  /** Events that are not on disk yet. */
  get unacknowledged(): number {
    return this.shape.events ? this.#sequence - this.#ackedInAll : 0;
  }

  get full(): boolean {
    return this.unacknowledged >= EVENT_WINDOW;
  }

  #acknowledged(channel: number, sequence: number): void {
    this.#ackedInAll += sequence - (this.#acked[channel] ?? 0);
    this.#acked[channel] = sequence;
  }

  encode(nowMs: number, count: number): Uint8Array {
    return this.#encode(nowMs, count, 0);
  }

  /** Samples that carry numbers from `first` on, in place of a time. */
  encodeNumbered(first: number, count: number): Uint8Array {
    return this.#encode(first, count, 1);
  }

  #encode(first: number, count: number, step: number): Uint8Array {
    for (let i = 0; i < count; i++) {
      this.#view.setFloat64(0, first + i * step, true);
      const turn = this.#sequence++;
      const { topicsPerPublisher: topics } = this.shape;
      this.#writer.add(1 + turn % topics, 1 + Math.floor(turn / topics), 0, this.#payload);
    }
    return frame(BINARY, this.#writer.takeBorrowed());
  }
}

/** The gateway's clients. */
export function tidegateClient(server: ServerAddress): Client {
  return {
    publisher: (index, shape) => Device.connect(server, `bench-${index}`, shape),
    async subscriber(onSample) {
      const session = new Session();
      const reader = new BatchReader();
      await session.open(server, "/v1/live", server.token ?? "", (bytes) => {
        reader.open(bytes);
        while (reader.next()) onSample(bytes, reader.start);
      });
      session.say({ type: "hello", protocol: 1 });
      const subscribed = session.hear("subscribed");
      session.say({ type: "subscribe", id: 1, patterns: ["+/bench/#"], from: "live" });
      await subscribed;
      return { socket: session.socket };
    },
  };
}
