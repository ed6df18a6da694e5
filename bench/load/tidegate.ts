/**
 * Devices and dashboards of this gateway: real tokens, real sessions, the protocol of docs/PROTOCOL.md.
 *
 * @module
 */
import type { Socket } from "node:net";
import { BatchReader, BatchWriter } from "../../protocol/batch.ts";
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
    const { type, code, message }: { type: string; code?: string; message?: string } = JSON.parse(text);
    if (type === "ping") return this.say({ type: "pong" });
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

/** Connects a device that advertises `topics` channels. */
export async function connectDevice(server: ServerAddress, token: string, topics: number): Promise<Socket> {
  const session = new Session();
  await session.open(server, "/v1/device", token, () => {});
  const welcome = session.hear("welcome");
  session.say({ type: "hello", protocol: 1, clock: "arrival" });
  await welcome;
  const channels = Array.from({ length: topics }, (_, i) => ({ channel: i + 1, topic: `bench/${i}` }));
  for (let i = 0; i < channels.length; i += 1000) {
    session.say({ type: "advertise", channels: channels.slice(i, i + 1000) });
  }
  const pong = session.hear("pong");
  session.say({ type: "ping", id: 1 });
  await pong;
  return session.socket;
}

class Device implements Publisher {
  readonly #writer = new BatchWriter({ maxBytes: MAX_MESSAGE_BYTES });
  readonly #payload: Uint8Array;
  readonly #view: DataView;
  #sequence = 0;

  constructor(readonly socket: Socket, readonly shape: Shape) {
    this.#payload = payloadOf(shape.bytes);
    this.#view = new DataView(this.#payload.buffer);
  }

  encode(nowMs: number, count: number): Uint8Array {
    this.#view.setFloat64(0, nowMs, true);
    for (let i = 0; i < count; i++) {
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
    async publisher(index, shape) {
      const token = await addDevice(server, `bench-${index}`);
      return new Device(await connectDevice(server, token, shape.topicsPerPublisher), shape);
    },
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
