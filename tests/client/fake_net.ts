/**
 * WebSockets that lead to the test instead of the network. Messages take `latencyMs` each way, in order, and are
 * lost when the connection breaks under them.
 *
 * @module
 */
import { type Acknowledgement, encodeAck } from "../../protocol/ack.ts";
import { BatchReader, BatchWriter } from "../../protocol/batch.ts";
import type { DashboardMessage, DeviceMessage, ToDashboard, ToDevice } from "../../protocol/control.ts";
import type { Environment, WebSocketLike } from "../../client/mod.ts";
import { FakeTime, settle } from "./fake_time.ts";

/** What a client says, control messages of both roles. */
export type ClientMessage = DeviceMessage | DashboardMessage;

/** One sample of a batch. */
export interface SentSample {
  channel: number;
  sequence: number;
  timeUs: number;
  payload: Uint8Array;
}

/** The gateway's end of one connection. */
export class FakeConnection {
  /** Control messages that arrived. */
  readonly messages: ClientMessage[] = [];
  /** Binary frames that arrived. */
  readonly frames: Uint8Array[] = [];
  /** The code that the client closed with. */
  closedWith: number | undefined;
  open = true;
  /** What a client's `bufferedAmount` says. */
  buffered = 0;
  onMessage: (message: ClientMessage) => void = () => {};
  onFrame: (frame: Uint8Array) => void = () => {};

  constructor(
    readonly net: FakeNet,
    readonly socket: FakeSocket,
    readonly url: string,
    readonly protocols: string[],
  ) {}

  /** The last message of a type. */
  last<T extends ClientMessage["type"]>(type: T): Extract<ClientMessage, { type: T }> | undefined {
    return this.all(type).at(-1);
  }

  /** All messages of a type. */
  all<T extends ClientMessage["type"]>(type: T): Extract<ClientMessage, { type: T }>[] {
    return this.messages.filter((message): message is Extract<ClientMessage, { type: T }> =>
      message.type === type
    );
  }

  /** All samples that arrived. */
  get samples(): SentSample[] {
    return this.frames.filter((frame) => frame[0] === 1).flatMap(samplesOf);
  }

  accept(): void {
    this.net.later(() => this.socket.onopen?.(undefined as never), this);
  }

  send(message: ToDevice | ToDashboard): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(data: string): void {
    this.net.later(() => this.socket.onmessage?.({ data } as never), this);
  }

  sendFrame(frame: Uint8Array): void {
    const data = frame.slice().buffer;
    this.net.later(() => this.socket.onmessage?.({ data } as never), this);
  }

  ack(...acks: Acknowledgement[]): void {
    this.sendFrame(encodeAck(acks));
  }

  /** Sends a batch to a dashboard. */
  batch(feed: number, samples: SentSample[], recorded = false): void {
    const writer = new BatchWriter({ maxBytes: 262_144, feed, recorded });
    for (const { channel, sequence, timeUs, payload } of samples) {
      writer.add(channel, sequence, timeUs, payload);
    }
    this.sendFrame(writer.takeCopy());
  }

  /** The gateway closes, behind all that it has sent. */
  close(code: number, reason = ""): void {
    this.net.later(() => this.#closeSocket(code, reason), this);
  }

  /** The connection breaks now: what is under way is lost. */
  cut(): void {
    if (this.open) this.#closeSocket(1006, "");
  }

  /** Nothing gets through any more, and nobody is told. */
  freeze(): void {
    this.open = false;
  }

  #closeSocket(code: number, reason: string): void {
    this.open = false;
    this.socket.onclose?.({ code, reason } as never);
  }
}

/** The client's end. */
export class FakeSocket implements WebSocketLike {
  binaryType = "";
  onopen: ((event: never) => unknown) | null = null;
  onmessage: ((event: never) => unknown) | null = null;
  onclose: ((event: never) => unknown) | null = null;
  onerror: ((event: never) => unknown) | null = null;
  readonly connection: FakeConnection;

  constructor(net: FakeNet, url: string, protocols: string[]) {
    this.connection = new FakeConnection(net, this, url, protocols);
  }

  get readyState(): number {
    return this.connection.open ? 1 : 3;
  }

  get bufferedAmount(): number {
    return this.connection.buffered;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    const { connection } = this;
    if (typeof data === "string") {
      const message = JSON.parse(data) as ClientMessage;
      connection.net.transmit(
        () => {
          connection.messages.push(message);
          connection.onMessage(message);
        },
        connection,
        data.length,
      );
      return;
    }
    const frame = data.slice();
    connection.net.transmit(
      () => {
        connection.frames.push(frame);
        connection.onFrame(frame);
      },
      connection,
      frame.length,
    );
  }

  close(code?: number): void {
    const { connection } = this;
    connection.net.transmit(
      () => {
        connection.closedWith = code ?? 1005;
        connection.open = false;
      },
      connection,
      0,
    );
  }
}

/** All connections of a test. */
export class FakeNet {
  readonly connections: FakeConnection[] = [];
  readonly time = new FakeTime();
  latencyMs = 5;
  /** What the link from the client carries; the rest waits in the network, where no client sees it. */
  bytesPerMs = Infinity;
  /** Is told of each attempt to connect. */
  onConnect: (connection: FakeConnection) => void = () => {};
  /** What `random` gives. */
  chance = 0.5;
  readonly environment: Partial<Environment>;
  readonly #online = new Set<() => void>();
  readonly #changed = new Set<() => void>();
  #names = 0;
  #lineFreeUs = 0;

  constructor() {
    const connect = (url: string, protocols: string[]) => this.#connect(url, protocols);
    this.environment = {
      WebSocket: function (url: string, protocols: string[]) {
        return connect(url, protocols);
      } as unknown as Environment["WebSocket"],
      nowUs: this.time.nowUs,
      timer: this.time.timer,
      random: () => this.chance,
      uniqueName: () => `name${++this.#names}`,
      onOnline: (callback) => this.#listen(this.#online, callback),
      onNetworkChange: (callback) => this.#listen(this.#changed, callback),
    };
  }

  /** The machine says that it has a network again. */
  online(): void {
    for (const callback of [...this.#online]) callback();
  }

  /** The machine says that something about its network has changed. */
  changed(): void {
    for (const callback of [...this.#changed]) callback();
  }

  /** The newest connection. */
  get connection(): FakeConnection {
    const newest = this.connections.at(-1);
    if (!newest) throw new Error("nobody has connected");
    return newest;
  }

  /** Runs `deliver` when a client's message of so many bytes has come through the link, unless the connection is gone by then. */
  transmit(deliver: () => void, connection: FakeConnection, bytes: number): void {
    this.#lineFreeUs = Math.max(this.time.us, this.#lineFreeUs) + bytes / this.bytesPerMs * 1_000;
    this.time.timer(() => this.later(deliver, connection), (this.#lineFreeUs - this.time.us) / 1_000);
  }

  /** Runs `deliver` one way later, unless the connection is gone by then. */
  later(deliver: () => void, connection: FakeConnection): void {
    this.time.timer(() => {
      if (connection.open) deliver();
    }, this.latencyMs);
  }

  #listen(callbacks: Set<() => void>, callback: () => void): () => void {
    callbacks.add(callback);
    return () => void callbacks.delete(callback);
  }

  #connect(url: string, protocols: string[]): FakeSocket {
    const socket = new FakeSocket(this, url, protocols);
    this.connections.push(socket.connection);
    this.onConnect(socket.connection);
    return socket;
  }
}

/** The samples of a batch frame. */
export function samplesOf(frame: Uint8Array): SentSample[] {
  const reader = new BatchReader();
  const samples: SentSample[] = [];
  reader.open(frame);
  while (reader.next()) {
    const { channel, sequence, timeUs, start, end } = reader;
    samples.push({ channel, sequence, timeUs, payload: frame.slice(start, end) });
  }
  return samples;
}

export { FakeTime, settle };
