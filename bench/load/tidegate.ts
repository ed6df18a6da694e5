/**
 * Devices and dashboards of this gateway: real tokens, real sessions, the protocol of docs/PROTOCOL.md.
 *
 * @module
 */
import { decodeAck } from "../../protocol/ack.ts";
import { BatchWriter, FRAME } from "../../protocol/batch.ts";
import { MAX_MESSAGE_BYTES, SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX } from "../../protocol/limits.ts";
import { type Client, type OnSample, payloadOf, type Publisher, type Shape } from "./client.ts";
import type { ServerAddress } from "./job.ts";
import { Outgoing } from "./outgoing.ts";
import { addHeader, BINARY, openWebSocket, textFrame } from "./websocket.ts";
import type { Wire } from "./wire.ts";

const decoder = new TextDecoder();

/** Told of each binary message, `bytes[start, end)`. */
type OnBinary = (bytes: Uint8Array, start: number, end: number) => void;

/** A session that answers pings and can wait until the gateway has seen all that was said. */
class Session {
  socket!: Wire;
  #waiters = new Map<string, (message: string) => void>();

  async open(server: ServerAddress, path: string, token: string, binary: OnBinary) {
    const protocols = [SUBPROTOCOL, TOKEN_SUBPROTOCOL_PREFIX + token];
    this.socket = await openWebSocket({ ...server, path, protocols }, (text, bytes, start, end) => {
      if (!text) return binary(bytes, start, end);
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
): Promise<Wire> {
  const session = new Session();
  await session.open(server, "/v1/device", token, (bytes, start, end) => {
    if (!acknowledged || bytes[start] !== FRAME.ack) return;
    for (const { channel, sequence } of decodeAck(bytes.subarray(start, end))) {
      acknowledged(channel, sequence);
    }
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

/** Bytes of a batch before the number of its feed. */
const BATCH_FIXED_BYTES = 10;

/** One device that sends samples, or events as they are acknowledged. */
export class Device implements Publisher {
  socket!: Wire;
  readonly #writer = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES });
  readonly #out = new Outgoing();
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

  encode(nowMs: number, messages: number): Uint8Array {
    for (; messages > 0; messages--) this.#add(nowMs, this.shape.perWrite, 0);
    return this.#out.take();
  }

  /** One message of so many samples. */
  encodeTogether(nowMs: number, count: number): Uint8Array {
    this.#add(nowMs, count, 0);
    return this.#out.take();
  }

  /** One message of so many samples, which carry numbers from `first` on in place of a time. */
  encodeNumbered(first: number, count: number): Uint8Array {
    this.#add(first, count, 1);
    return this.#out.take();
  }

  #add(first: number, count: number, step: number): void {
    const { topicsPerPublisher: topics } = this.shape;
    for (let i = 0; i < count; i++) {
      this.#view.setFloat64(0, first + i * step, true);
      const turn = this.#sequence++;
      this.#writer.add(1 + turn % topics, 1 + Math.floor(turn / topics), 0, this.#payload);
    }
    const batch = this.#writer.takeBorrowed();
    addHeader(this.#out, BINARY, batch.length);
    this.#out.add(batch);
  }
}

/** Where the number behind this one begins. */
function pastNumber(bytes: Uint8Array, at: number): number {
  while (bytes[at]! > 127) at++;
  return at + 1;
}

/** Walks the samples of a batch without looking at more than where their payloads are. */
export function walkBatch(bytes: Uint8Array, start: number, end: number, onSample: OnSample): void {
  let at = pastNumber(bytes, start + BATCH_FIXED_BYTES);
  while (at < end) {
    at = pastNumber(bytes, pastNumber(bytes, pastNumber(bytes, at)));
    let size = 0;
    for (let unit = 1, byte = 128; byte > 127; unit *= 128) size += ((byte = bytes[at++]!) & 127) * unit;
    onSample(bytes, at);
    at += size;
  }
  if (at !== end) throw new Error(`a batch of ${end - start} bytes ends ${at - end} bytes inside a sample`);
}

/** The gateway's clients. */
export function tidegateClient(server: ServerAddress): Client {
  return {
    publisher: (index, shape) => Device.connect(server, `bench-${index}`, shape),
    async subscriber(onSample) {
      const session = new Session();
      await session.open(server, "/v1/live", server.token ?? "", (bytes, start, end) => {
        if (bytes[start] === FRAME.batch) walkBatch(bytes, start, end, onSample);
      });
      session.say({ type: "hello", protocol: 1 });
      const subscribed = session.hear("subscribed");
      session.say({ type: "subscribe", id: 1, patterns: ["+/bench/#"], from: "live" });
      await subscribed;
      return { socket: session.socket };
    },
  };
}
