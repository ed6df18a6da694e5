/**
 * Peers of the gateway for tests: they speak the protocol as the specification says, keep what they get, and
 * wait for things with a deadline whose failure tells what came instead.
 *
 * @module
 */
import {
  type ChannelAnnouncement,
  type ChannelDeclaration,
  type DashboardMessage,
  type DeviceMessage,
  parseToDashboard,
  parseToDevice,
  type Subscribe,
  type ToDashboard,
  type ToDevice,
  type Welcome,
} from "../../protocol/control.ts";
import { type RawOptions, RawWebSocket, type Wire } from "./raw_websocket.ts";
import { ackFrame, batchFrame, readFrame, type WireFrame, type WireSample } from "./wire.ts";

/**
 * How long a test waits for what must happen, in milliseconds. It tells what is broken from what is slow: on a machine
 * with much else to do a program may get a tenth of a processor.
 */
export const DEADLINE_MS = 60_000;

/** Lines of the log that a failure shows. */
const LOG_LINES = 25;

/** What peers need to know of a gateway. */
export interface Target {
  /** `http://host:port` without a slash at the end. */
  url: string;
  /** What the gateway said on its terminal, for failure messages. */
  diagnosis(): string;
}

/** How a peer connects. */
export interface ConnectOptions {
  token?: string;
  headers?: Record<string, string>;
  /** Default `["tidegate.v1"]`; empty offers none. */
  protocols?: string[];
  wire?: Wire;
  /** false: nothing is read until {@link Peer.startReading}. */
  reading?: boolean;
}

/** Opens the WebSocket of one of the two endpoints. */
export function openSocket(target: Target, path: string, options: ConnectOptions): Promise<RawWebSocket> {
  const protocols = options.protocols ?? ["tidegate.v1"];
  const raw: RawOptions = {
    headers: {
      ...(options.token === undefined ? {} : { Authorization: `Bearer ${options.token}` }),
      ...options.headers,
    },
    ...(protocols.length > 0 ? { protocols } : {}),
    ...(options.wire ? { wire: options.wire } : {}),
  };
  return RawWebSocket.open(target.url + path, raw);
}

interface Waiter {
  check(): boolean;
}

/** One connection. `In` is what the gateway may say to it, `Out` what it may say. */
export class Peer<In extends { type: string }, Out extends { type: string }> {
  /** Control messages not yet taken by {@link expect}. */
  readonly inbox: In[] = [];
  /** Whether it answers when it is asked for a sign of life, as every peer must: a test may take longer than the gateway waits. */
  answersPings = true;
  /** How the connection ended, once it has. */
  ended: { code: number; reason: string } | undefined;
  readonly #log: string[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #parse: (text: string) => In | undefined;
  readonly #target: Target;
  #pings = 0;
  #fault: Error | undefined;

  constructor(
    target: Target,
    readonly socket: RawWebSocket,
    parse: (text: string) => In | undefined,
    reading = true,
  ) {
    this.#target = target;
    this.#parse = parse;
    if (reading) this.startReading();
  }

  /** Begins to read; for peers that were opened with `reading: false`. */
  startReading(): void {
    this.#read().catch((error) => {
      this.#fault = error;
      this.#wake();
    });
  }

  /** Is told of each binary message. */
  protected frame(_frame: WireFrame): void {}

  /** Is told of each control message before it goes to the inbox. */
  protected control(_message: In): void {}

  /** Sends a control message. */
  send(message: Out): Promise<void> {
    return this.socket.sendText(JSON.stringify(message));
  }

  /**
   * Waits until `probe` yields something; it is asked again after everything that arrives.
   *
   * @param what What is awaited, for the failure message.
   */
  until<T>(probe: () => T | undefined | false, what: string, withinMs = DEADLINE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (): boolean => {
        const found = probe();
        if (found === undefined || found === false) {
          if (!this.#fault && !this.ended) return false;
          reject(this.#failure(`the connection ended before ${what}`));
        } else resolve(found);
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        return true;
      };
      const waiter = { check: settle };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(this.#failure(`${withinMs} ms passed without ${what}`));
      }, withinMs);
      if (!settle()) this.#waiters.add(waiter);
    });
  }

  /** Waits for a control message of this type and takes it out of the inbox. */
  expect<T extends In["type"]>(
    type: T,
    match: (message: Extract<In, { type: T }>) => boolean = () => true,
    withinMs = DEADLINE_MS,
  ): Promise<Extract<In, { type: T }>> {
    type Wanted = Extract<In, { type: T }>;
    const wanted = (message: In): message is Wanted => message.type === type && match(message as Wanted);
    return this.until(
      () => {
        const at = this.inbox.findIndex(wanted);
        return at < 0 ? undefined : this.inbox.splice(at, 1)[0] as Wanted;
      },
      `a "${type}" message`,
      withinMs,
    );
  }

  /** Waits for the end of the connection. */
  expectEnd(withinMs = DEADLINE_MS): Promise<{ code: number; reason: string }> {
    return this.until(() => this.ended, "the end of the connection", withinMs);
  }

  /** Waits until the gateway has handled all that was sent, and its answers are here. */
  async settle(): Promise<void> {
    const id = ++this.#pings;
    await this.socket.sendText(JSON.stringify({ type: "ping", id }));
    await this.expect("pong" as In["type"], (pong) => (pong as { id?: number }).id === id);
  }

  /** Says bye and waits for the gateway to close. */
  async leave(): Promise<void> {
    await this.socket.close();
    await this.expectEnd();
  }

  /** Drops the connection without a word. */
  cut(): void {
    this.ended ??= { code: 1006, reason: "cut by the test" };
    this.socket.cut();
  }

  async #read(): Promise<void> {
    for (;;) {
      const incoming = await this.socket.receive();
      if (incoming.kind === "close") {
        this.ended ??= { code: incoming.code, reason: incoming.reason };
        this.#note(`close ${incoming.code} ${incoming.reason}`);
        return this.#wake();
      }
      if (incoming.kind === "text") {
        this.#note(incoming.text.slice(0, 300));
        const message = this.#parse(incoming.text);
        if (!message) throw new Error(`a message of an unknown type: ${incoming.text}`);
        this.control(message);
        this.inbox.push(message);
        if (message.type === "ping" && this.answersPings) {
          await this.socket.sendText(JSON.stringify({ ...message, type: "pong" }));
        }
      } else {
        this.#note(`${incoming.bytes.length} bytes`);
        this.frame(readFrame(incoming.bytes));
      }
      this.#wake();
    }
  }

  #note(line: string): void {
    this.#log.push(line);
    if (this.#log.length > LOG_LINES) this.#log.shift();
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter.check();
  }

  #failure(what: string): Error {
    const came = this.#log.map((line) => `  ${line}`).join("\n");
    const fault = this.#fault ? `\nfault: ${this.#fault.stack}` : "";
    return new Error(`${what}${fault}\nlast received:\n${came}\ngateway said:\n${this.#target.diagnosis()}`);
  }
}

/** What a device may say in `hello`. */
export type DeviceHello = Omit<Extract<DeviceMessage, { type: "hello" }>, "type" | "protocol">;

/** A device over a WebSocket. */
export class DevicePeer extends Peer<ToDevice, DeviceMessage> {
  /** Last acknowledged sequence of each event channel. */
  readonly acked = new Map<number, number>();
  /** Desired values and commands that came down. */
  readonly received: WireSample[] = [];
  welcome!: Welcome;
  readonly #sequences = new Map<number, number>();

  /** Connects without a word, for tests of what comes before `hello`. */
  static async open(target: Target, options: ConnectOptions = {}): Promise<DevicePeer> {
    const socket = await openSocket(target, "/v1/device", options);
    return new DevicePeer(target, socket, parseToDevice, options.reading ?? true);
  }

  /** Connects and says hello. */
  static async connect(target: Target, token: string, hello: DeviceHello = {}): Promise<DevicePeer> {
    const device = await DevicePeer.open(target, { token });
    await device.hello(hello);
    return device;
  }

  /** Says hello and waits for `welcome`. */
  async hello(hello: DeviceHello = {}): Promise<Welcome> {
    await this.send({ type: "hello", protocol: 1, ...hello });
    return this.welcome = await this.expect("welcome");
  }

  /** Advertises channels and waits for the answer. */
  async advertise(...channels: ChannelDeclaration[]): Promise<Extract<ToDevice, { type: "advertised" }>> {
    await this.send({ type: "advertise", channels });
    return await this.expect("advertised");
  }

  /** Sends one sample; its sequence is the channel's next unless given. Text is sent as UTF-8. */
  publish(
    channel: number,
    payload: Uint8Array | string,
    { timeUs, sequence }: { timeUs?: number; sequence?: number } = {},
  ): Promise<void> {
    const next = sequence ?? (this.#sequences.get(channel) ?? 0) + 1;
    this.#sequences.set(channel, next);
    const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
    return this.socket.sendBinary(batchFrame([{
      channel,
      sequence: next,
      payload: bytes,
      ...(timeUs === undefined ? {} : { timeUs }),
    }]));
  }

  /** Sends several samples in one frame. */
  publishBatch(samples: Parameters<typeof batchFrame>[0]): Promise<void> {
    return this.socket.sendBinary(batchFrame(samples));
  }

  /** Acknowledges what came down. */
  acknowledge(channel: number, sequence: number): Promise<void> {
    return this.socket.sendBinary(ackFrame([{ channel, sequence }]));
  }

  /** Waits until everything up to `sequence` is acknowledged. */
  async expectAck(channel: number, sequence: number): Promise<void> {
    await this.until(
      () => (this.acked.get(channel) ?? 0) >= sequence,
      `ack ${sequence} of channel ${channel}`,
    );
  }

  protected override frame(frame: WireFrame): void {
    if (frame.kind === "batch") this.received.push(...frame.samples);
    else for (const { channel, sequence } of frame.acks) this.acked.set(channel, sequence);
  }
}

/** A sample as a dashboard got it. */
export interface SeenSample extends WireSample {
  topic: string;
  epoch: string;
  /** Subscriptions whose feed brought it; those that are alike share one. */
  subscriptions: number[];
  recorded: boolean;
  text: string;
}

/** What a dashboard may say of a subscription beside its id and patterns. */
export type SubscribeOptions = Omit<Subscribe, "type" | "id" | "patterns">;

/** A dashboard over a WebSocket. */
export class DashboardPeer extends Peer<ToDashboard, DashboardMessage> {
  /** Every sample, in the order of arrival. */
  readonly samples: SeenSample[] = [];
  readonly channels = new Map<number, ChannelAnnouncement>();
  /** Feed of each subscription, by the subscription's id. */
  readonly feeds = new Map<number, number>();
  welcome!: Welcome;
  #ids = 0;

  /** Connects without a word. */
  static async open(target: Target, options: ConnectOptions = {}): Promise<DashboardPeer> {
    const socket = await openSocket(target, "/v1/live", options);
    return new DashboardPeer(target, socket, parseToDashboard, options.reading ?? true);
  }

  /** Connects and says hello. */
  static async connect(
    target: Target,
    token: string,
    resume?: { session: string; token: string },
  ): Promise<DashboardPeer> {
    const dashboard = await DashboardPeer.open(target, { token });
    await dashboard.send({ type: "hello", protocol: 1, ...(resume ? { resume } : {}) });
    dashboard.welcome = await dashboard.expect("welcome");
    return dashboard;
  }

  /** Subscribes and waits for `subscribed`; returns the subscription's id. */
  async subscribe(patterns: string[], options: SubscribeOptions = {}): Promise<number> {
    const id = ++this.#ids;
    await this.send({ type: "subscribe", id, patterns, ...options });
    await this.expect("subscribed", (message) => message.id === id);
    return id;
  }

  /** Writes a topic and waits for what came of it. */
  async write(
    topic: string,
    value: unknown,
    options: { timeoutMs?: number } = {},
  ): Promise<Extract<ToDashboard, { type: "result" }>> {
    const id = ++this.#ids;
    await this.send({ type: "write", id, topic, value, ...options });
    return await this.expect("result", (result) => result.id === id);
  }

  /** What was announced of a topic. */
  announced(topic: string): ChannelAnnouncement | undefined {
    return [...this.channels.values()].find((one) => one.topic === topic);
  }

  /** Payloads of a topic as text, in the order of arrival. */
  texts(topic: string): string[] {
    return this.samples.filter((sample) => sample.topic === topic).map((sample) => sample.text);
  }

  /** Offsets of a topic, in the order of arrival. */
  offsets(topic: string): number[] {
    return this.samples.filter((sample) => sample.topic === topic).map((sample) => sample.sequence);
  }

  /** Waits until the newest value of a topic is this text. */
  async expectValue(topic: string, text: string, withinMs = DEADLINE_MS): Promise<SeenSample> {
    return await this.until(
      () => {
        const newest = this.samples.findLast((sample) => sample.topic === topic);
        return newest?.text === text && newest;
      },
      `${JSON.stringify(text)} on ${topic}`,
      withinMs,
    );
  }

  protected override control(message: ToDashboard): void {
    if (message.type === "channels") {
      for (const channel of message.channels) this.channels.set(channel.channel, channel);
    } else if (message.type === "subscribed") this.feeds.set(message.id, message.feed);
    else if (message.type === "unsubscribed") this.feeds.delete(message.id);
  }

  protected override frame(frame: WireFrame): void {
    if (frame.kind !== "batch") throw new Error("a dashboard got an acknowledgement");
    const subscriptions = [...this.feeds].filter(([, feed]) => feed === frame.feed).map(([id]) => id);
    if (subscriptions.length === 0) throw new Error(`batch of feed ${frame.feed}, which belongs to nobody`);
    for (const sample of frame.samples) {
      const channel = this.channels.get(sample.channel);
      if (!channel) throw new Error(`sample of channel ${sample.channel}, which was not announced`);
      this.samples.push({
        ...sample,
        topic: channel.topic,
        epoch: channel.epoch,
        subscriptions,
        recorded: frame.recorded,
        text: new TextDecoder().decode(sample.payload),
      });
    }
  }
}
