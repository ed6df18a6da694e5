/**
 * A dashboard: subscribes to topics, writes to devices.
 *
 * @module
 */
import { parseToDashboard, type ToDashboard, type Welcome } from "../protocol/control.ts";
import { BASELINE_BYTES, RESUME_WITHIN_MS } from "../protocol/limits.ts";
import { type RawLane, StateInlet } from "../protocol/state_lane.ts";
import { matchesAny, patternProblem } from "../protocol/topics.ts";
import { base64 } from "./base64.ts";
import { type Backoff, DEFAULT_BACKOFF } from "./backoff.ts";
import { dialFor } from "./dialing.ts";
import { type Environment, environment, laneTimers } from "./environment.ts";
import { ClosedError } from "./errors.ts";
import { Incoming } from "./incoming.ts";
import type { ChannelInfo, Sample } from "./sample.ts";
import type { LaneListener } from "./lane_dialer.ts";
import { Session } from "./session.ts";
import { reportFault, type Status, type StatusListener } from "./status.ts";
import { type SkippedCounts, type SubscribeOptions, Subscription } from "./subscription.ts";
import type { Dial, Signalling } from "./transport.ts";
import { encoderOf, type Value } from "./value.ts";
import { type WriteResult, Writes } from "./writes.ts";

/** How a dashboard connects. */
export interface DashboardOptions {
  /** The gateway: `https://host:port`. In a page it defaults to the gateway that served the page. */
  url?: string | URL;
  /** Not needed in a page whose login cookie the gateway set. */
  token?: string;
  /** Name and version of the program, for the gateway's record. */
  client?: string;
  backoff?: Partial<Backoff>;
  /** The gateway complained about something that belongs to no subscription or write. */
  onError?: (code: string, message: string) => void;
  environment?: Partial<Environment>;
  /**
   * `http`: no WebSocket at all, for networks that let none through; the session takes place on WebRTC data channels,
   * set up by HTTP requests. Default `websocket`.
   */
  signalling?: Signalling;
  /** Another way to the gateway than these. */
  dial?: Dial;
}

/** What the token lets this dashboard read and write, as patterns. */
export interface Rights {
  read: readonly string[];
  write: readonly string[];
}

/** How long a write waits for the device, in milliseconds, unless told otherwise. */
const DEFAULT_WRITE_TIMEOUT_MS = 10_000;

/** Connects a dashboard. It keeps itself connected until `close()`, or until the gateway turns it away for good. */
export function connectDashboard(options: DashboardOptions = {}): Dashboard {
  return new Dashboard(options);
}

/**
 * A connected dashboard.
 *
 * @example
 * ```ts
 * import { connectDashboard } from "./mod.ts";
 *
 * const dash = connectDashboard({ url: "http://127.0.0.1:8080", token: "…" });
 * for await (const sample of dash.subscribe("+/cpu/#")) {
 *   console.log(sample.topic, sample.value, `${dash.delayMs(sample).toFixed(1)} ms old`);
 * }
 * ```
 */
export class Dashboard implements Disposable {
  readonly #session: Session;
  readonly #writes: Writes;
  readonly #incoming = new Incoming();
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #onError: ((code: string, message: string) => void) | undefined;
  #rights: Rights | undefined;
  #resumeWithinMs = RESUME_WITHIN_MS;
  #nextId = 1;

  constructor(options: DashboardOptions) {
    const env = environment(options.environment);
    this.#onError = options.onError;
    this.#session = new Session({
      hello: () => ({
        ...(options.client === undefined ? {} : { client: options.client }),
        ...(env.RTCPeerConnection ? { keptBytes: BASELINE_BYTES } : {}),
      }),
      opened: (welcome) => this.#opened(welcome),
      text: (text) => this.#message(parseToDashboard(text)),
      binary: (bytes) => this.#incoming.batch(bytes),
      laneOpened: (lane) => this.#laneOpened(lane, env),
      lost: () => this.#lost(),
      closed: (error) => this.#closed(error),
    }, { env, dial: dialFor("live", options, env), backoff: { ...DEFAULT_BACKOFF, ...options.backoff } });
    this.#writes = new Writes(env, (message) => {
      if (this.#session.open) this.#session.send(message);
      return this.#session.open;
    });
    this.#session.start();
  }

  get status(): Status {
    return this.#session.board.status;
  }

  /** Tells `listener` the status now and at each change; the returned function stops that. */
  onStatus(listener: StatusListener): () => void {
    return this.#session.board.watch(listener);
  }

  /** Resolves when the session is open; rejects with {@link ClosedError} when it never will be. */
  opened(): Promise<void> {
    return this.#session.opened();
  }

  /** Topics announced so far, by name. */
  get channels(): ReadonlyMap<string, ChannelInfo> {
    return this.#incoming.channels;
  }

  /** What the token allows; undefined before the first welcome. */
  get rights(): Rights | undefined {
    return this.#rights;
  }

  /** Gateway time now, microseconds since 1970. `status.clockErrorMs` bounds its error. */
  nowUs(): number {
    return this.#session.nowUs();
  }

  /** How old a sample is by the gateway's clock, in milliseconds. */
  delayMs(sample: Sample): number {
    return (this.nowUs() - sample.timeUs) / 1000;
  }

  /**
   * Subscribes to all topics under the patterns (`+` one level, a last `#` any number). Lasts over reconnects:
   * no offset comes twice or out of order, and events missed meanwhile are delivered from the recording.
   *
   * @throws {TypeError} when a pattern is not valid.
   * @throws {ClosedError} when the connection is closed for good.
   */
  subscribe(patterns: string | readonly string[], options: SubscribeOptions = {}): Subscription {
    const list = typeof patterns === "string" ? [patterns] : patterns;
    for (const problem of list.map(patternProblem)) if (problem) throw new TypeError(problem);
    if (this.status.state === "closed") throw new ClosedError(this.status.reason);
    const subscription = new Subscription(this.#nextId++, list, options, {
      resume: (sub) => this.#request(sub),
      pause: (sub) => {
        this.#withdraw(sub);
        sub.id = this.#nextId++;
        this.#subscriptions.set(sub.id, sub);
      },
      unsubscribe: (sub) => this.#withdraw(sub),
    });
    this.#subscriptions.set(subscription.id, subscription);
    for (const channel of this.channels.values()) {
      if (matchesAny(list, channel.topic)) options.onChannel?.(channel);
    }
    this.#request(subscription);
    return subscription;
  }

  /**
   * Writes a topic that its device declared writable. A value other than bytes is encoded as the channel
   * declares: here where the channel is known and its encoding needs no library, else by the gateway.
   * Without a connection it waits for one, for `timeoutMs` at most.
   *
   * @returns The gateway's word; see {@link WriteResult}.
   * @throws {RefusedError} when the gateway refuses it, for instance since the token does not allow it.
   * @throws {UnknownOutcomeError} when the connection breaks before the result, or no result comes in time.
   * @throws {ClosedError} when the connection is closed for good.
   */
  write(topic: string, value: Value, options: { timeoutMs?: number } = {}): Promise<WriteResult> {
    if (this.status.state === "closed") return Promise.reject(new ClosedError(this.status.reason));
    const bytes = value instanceof Uint8Array ? value : this.#encode(topic, value);
    const body = bytes ? { topic, base64: base64(bytes) } : { topic, value };
    return this.#writes.write(body, options.timeoutMs ?? DEFAULT_WRITE_TIMEOUT_MS);
  }

  /** Cuts the wait before the next attempt to connect short. */
  retryNow(): void {
    this.#session.retryNow();
  }

  /** Says bye and ends everything: iterators are done, writes without a result reject with {@link ClosedError}. */
  close(reason = "closed by the program"): void {
    this.#session.close(reason);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #encode(topic: string, value: Value): Uint8Array | undefined {
    const channel = this.channels.get(topic);
    switch (channel?.encoding) {
      case "f32":
      case "f64":
      case "utf8":
      case "json":
      case "struct":
        return encoderOf(channel.encoding, channel.fields)(value);
      default:
        return undefined;
    }
  }

  #opened(welcome: Welcome): void {
    this.#rights = welcome.rights;
    this.#resumeWithinMs = welcome.limits.resumeWithinMs;
    this.#incoming.opened(welcome.epoch);
    for (const subscription of this.#subscriptions.values()) this.#request(subscription);
    this.#writes.opened();
  }

  #lost(): void {
    this.#incoming.lost();
    const heardUs = this.#session.lastHeardUs;
    for (const subscription of this.#subscriptions.values()) subscription.detached(heardUs);
    this.#writes.lost();
  }

  #closed(error: ClosedError): void {
    for (const subscription of this.#subscriptions.values()) subscription.end(error);
    this.#subscriptions.clear();
    this.#writes.closed(error);
  }

  #request(subscription: Subscription): void {
    if (!this.#session.open || subscription.paused) return;
    this.#session.send(subscription.request(this.nowUs(), this.#resumeWithinMs));
  }

  #withdraw(subscription: Subscription): void {
    this.#subscriptions.delete(subscription.id);
    this.#incoming.leave(subscription);
    subscription.detached(this.#session.lastHeardUs);
    if (this.#session.open) this.#session.send({ type: "unsubscribe", id: subscription.id });
  }

  #laneOpened(lane: RawLane, env: Environment): LaneListener {
    const incoming = this.#incoming;
    const place = (batch: Uint8Array) => {
      if (!incoming.placeable(batch)) return false;
      incoming.batch(batch);
      return true;
    };
    const inlet = new StateInlet(lane, laneTimers(env), place, BASELINE_BYTES);
    return { message: (bytes) => inlet.message(bytes), closed: () => inlet.close() };
  }

  #message(message: ToDashboard | undefined): void {
    if (!message) return; // a later gateway says more than this program knows
    switch (message.type) {
      case "subscribed":
        return this.#subscribed(message.id, message.feed, message.live);
      case "unsubscribed":
        return;
      case "channels":
        for (const channel of message.channels) this.#announced(channel);
        return;
      case "gap": {
        const { type: _, ...gap } = message;
        return this.#each(gap.topic, (subscription) => subscription.gap(gap));
      }
      case "skipped":
        return this.#skipped(message.id, message.counts);
      case "result":
        return this.#writes.result(message);
      case "error":
        return this.#error(message);
      default:
        return this.#session.shared(message);
    }
  }

  #subscribed(id: number, feed: number, live: boolean): void {
    const subscription = this.#subscriptions.get(id);
    if (!subscription || subscription.paused) return;
    this.#incoming.join(subscription, feed);
    subscription.live = live;
  }

  #announced(channel: ChannelInfo): void {
    this.#incoming.announced(channel);
    this.#each(channel.topic, (subscription) => subscription.options.onChannel?.(channel));
  }

  #skipped(id: number, counts: SkippedCounts): void {
    const subscription = this.#subscriptions.get(id);
    if (!subscription) return;
    subscription.skipped = counts;
    call(() => subscription.options.onSkipped?.(counts));
  }

  #error({ code, message, ref }: Extract<ToDashboard, { type: "error" }>): void {
    const id = ref?.id;
    if (ref?.type === "write" && id !== undefined) return this.#writes.refused(id, code, message);
    const subscription = id === undefined ? undefined : this.#subscriptions.get(id);
    const told = subscription?.options.onError ?? this.#onError;
    if (told) return call(() => told(code, message));
    console.warn(`tidegate: ${code}: ${message}`);
  }

  #each(topic: string, action: (subscription: Subscription) => void): void {
    for (const subscription of [...this.#subscriptions.values()]) {
      if (matchesAny(subscription.patterns, topic)) call(() => action(subscription));
    }
  }
}

/** Runs the program's callback; its fault is reported and breaks nothing here. */
function call(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    reportFault(error);
  }
}
