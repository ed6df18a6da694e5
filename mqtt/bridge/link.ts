/**
 * The connection to one broker: made, watched, and made anew. Each attempt is a client of its own, since the
 * library's memory of unacknowledged messages must never stand in for ours, and has a deadline of ours.
 *
 * @module
 */
import mqtt, { type IClientOptions, type IDisconnectPacket, type IPublishPacket, MqttClient } from "mqtt";
import type { Duplex } from "node:stream";
import { certificateDatesProblem } from "./certificate.ts";
import { LibraryIds } from "./message_ids.ts";
import { Publisher } from "./publisher.ts";
import { codeInWords, errorInWords, isDistrust } from "./reasons.ts";
import { tapAnswers } from "./tap.ts";

/** First wait before another attempt, in milliseconds; it doubles up to {@link MAX_RETRY_MS}. */
const MIN_RETRY_MS = 250;

/** Longest wait between attempts, in milliseconds: a broker that comes back is found within this. */
const MAX_RETRY_MS = 15_000;

/**
 * A connection must hold for this long before the waits start anew, in milliseconds: two clients with one id would
 * otherwise take turns as fast as they can.
 */
const STABLE_MS = 5_000;

/** One live connection. */
export interface Connected {
  readonly client: MqttClient;
  /** Publishes on it. */
  readonly publisher: Publisher;
  /** Most unacknowledged messages, by the broker's Receive Maximum (MQTT 5 section 3.2.2.3.3). */
  readonly receiveMaximum: number;
  /** Whether the broker still had our session. */
  readonly sessionPresent: boolean;
}

/** How a link stands. */
export type LinkState =
  | { at: "connecting"; since: number; problem?: string }
  | { at: "online"; since: number }
  | { at: "stopped" };

/** Options of {@link Link}. */
export interface LinkOptions {
  /** Read anew for each attempt, so that renewed certificates and passwords are taken up. */
  options(): Promise<IClientOptions>;
  connectTimeoutMs: number;
  /** Opens what the connection goes over, where that is no socket. */
  open?(): Duplex;
  /** What DISCONNECT says when the link is stopped (MQTT 5 section 3.14.2). */
  goodbye?: Partial<IDisconnectPacket>;
  /** Is told that CONNECT goes out, which not every attempt comes to. */
  connecting?(): void;
  /** Is told of a connection; `lost` of the same one follows in any case. */
  online(connected: Connected): void;
  lost(): void;
  /** A message came in; `done` acknowledges it. */
  message(packet: IPublishPacket, done: (error?: Error) => void): void;
  /** The state changed, with words for people. */
  said(level: "info" | "warn", message: string): void;
  nowMs?: () => number;
}

/** A link that keeps itself up. */
export class Link {
  state: LinkState = { at: "connecting", since: Date.now() };
  /** Connections made so far. */
  connections = 0;
  readonly #options: LinkOptions;
  #cutBecause: string | undefined;
  #client: MqttClient | undefined;
  #waits = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #said = "";

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Begins. */
  start(): void {
    void this.#attempt();
  }

  /** Cuts the connection, to be made anew at once; `because` stands in the log in place of its loss. */
  cut(because?: string): void {
    this.#waits = 0;
    this.#cutBecause = because;
    this.#client?.stream.destroy();
  }

  /** Ends, after the library has said goodbye where it can. */
  async stop(): Promise<void> {
    this.state = { at: "stopped" };
    clearTimeout(this.#timer);
    const client = this.#client;
    if (!client) return;
    const ended = client.connected ? client.endAsync(false, this.#options.goodbye) : client.endAsync(true);
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([
      ended.catch(() => {}),
      new Promise<void>((late) => timer = setTimeout(late, 500)),
    ]);
    clearTimeout(timer);
    client.stream?.destroy();
  }

  async #attempt(): Promise<void> {
    let problem: string | undefined;
    try {
      problem = await this.#live();
    } catch (error) {
      problem = errorInWords(error);
    }
    if (this.state.at === "stopped") return;
    this.#failed(problem ?? "the connection was lost");
  }

  /** One connection from beginning to end; resolves with what went wrong. */
  async #live(): Promise<string | undefined> {
    const options = await this.#options.options();
    if (this.state.at === "stopped") return undefined;
    const over = Promise.withResolvers<string | undefined>();
    const { open } = this.#options;
    const all: IClientOptions = {
      ...options,
      manualConnect: true,
      messageIdProvider: new LibraryIds(),
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      // The library's own deadline, which a dead TLS peer escapes, comes behind ours.
      connectTimeout: this.#options.connectTimeoutMs + 1_000,
    };
    const client = open ? new MqttClient(() => open() as MqttClient["stream"], all) : mqtt.connect(all);
    this.#client = client;
    let problem: string | undefined;
    this.#cutBecause = undefined;
    let publisher: Publisher | undefined;
    tapAnswers(client, (type, id, code) => publisher?.answered(type, id, code));
    const deadline = setTimeout(() => {
      problem ??=
        `no answer within ${this.#options.connectTimeoutMs} ms: the broker took the connection and was silent`;
      client.end(true);
      client.stream?.destroy();
      over.resolve(problem);
    }, this.#options.connectTimeoutMs);
    client.on("packetsend", ({ cmd }) => {
      if (cmd === "connect") this.#options.connecting?.();
    });
    client.on("error", (error) => problem ??= errorInWords(error));
    client.on("disconnect", (packet) => problem = codeInWords(packet.reasonCode ?? 0));
    client.handleMessage = (packet, done) => this.#options.message(packet, done);
    client.on("connect", (connack) => {
      clearTimeout(deadline);
      // A full window waits for acknowledgements, which a delayed TCP segment would hold up by tens of milliseconds.
      (client.stream as { setNoDelay?: (on: boolean) => void }).setNoDelay?.(true);
      publisher = new Publisher(client.stream, connack.properties?.maximumPacketSize);
      this.#online({
        client,
        publisher,
        receiveMaximum: connack.properties?.receiveMaximum ?? 65_535,
        sessionPresent: connack.sessionPresent,
      });
    });
    client.on("close", () => over.resolve(this.#cutBecause ?? problem));
    try {
      client.connect();
      const words = await over.promise;
      if (words === undefined || !isDistrust(words)) return words;
      return await certificateDatesProblem(options, this.#now()) ?? words;
    } finally {
      clearTimeout(deadline);
      this.#client = undefined;
      client.end(true);
      client.stream?.destroy();
      client.on("error", () => {});
      if (publisher) this.#options.lost();
    }
  }

  #online(connected: Connected): void {
    this.connections++;
    this.state = { at: "online", since: this.#now() };
    this.#say("info", "connected");
    this.#options.online(connected);
  }

  #failed(problem: string): void {
    const now = this.#now();
    if (this.state.at === "online") {
      if (now - this.state.since >= STABLE_MS) this.#waits = 0;
      this.state = { at: "connecting", since: now, problem };
    } else if (this.state.at === "connecting") {
      this.state = { ...this.state, problem };
    }
    this.#say("warn", problem);
    // Spread, so that a hundred gateways do not come back in step.
    const wait = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.#waits++) * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => void this.#attempt(), wait);
  }

  /** The same words are said once, until others have been. */
  #say(level: "info" | "warn", message: string): void {
    if (message === this.#said) return;
    this.#said = message;
    this.#options.said(level, message);
  }

  #now(): number {
    return (this.#options.nowMs ?? Date.now)();
  }
}
