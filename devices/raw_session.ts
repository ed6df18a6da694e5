/**
 * Raw mode: a device that knows nothing of the protocol. Every binary message is a sample on `<device>/raw`,
 * every text message one on `<device>/text`.
 *
 * @module
 */
import { CLOSE, type CloseCode } from "../protocol/close_codes.ts";
import { MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";
import type { Principal } from "../hub/access.ts";
import type { Topic } from "../hub/topic.ts";
import { endReason } from "../sessions/connection.ts";
import { TOTALS_EVERY_MS } from "../sessions/lasting.ts";
import { PlainSession } from "../sessions/plain.ts";
import type { Transport, TransportClosed, TransportHandlers } from "../transport/transport.ts";
import type { SessionWay } from "../transport/way.ts";
import type { DeviceContext } from "./context.ts";
import type { LiveDevice } from "./directory.ts";

const encoder = new TextEncoder();

/** One raw device on one connection. */
export class RawSession implements TransportHandlers, LiveDevice {
  readonly device: string;
  readonly #session: PlainSession;
  readonly #totalsTimer: ReturnType<typeof setInterval>;
  #raw: Topic | undefined;
  #text: Topic | undefined;

  constructor(readonly context: DeviceContext, readonly transport: Transport, principal: Principal) {
    this.device = principal.device!;
    this.#session = new PlainSession({
      context,
      principal,
      session: this,
      connection: transport,
      mode: "raw",
      client: "raw",
      traffic: () => transport.traffic,
    });
    const { remote, kind } = transport;
    this.#session.record.event("opened", { remote, transport: kind, mode: "raw" });
    this.#totalsTimer = setInterval(() => this.#session.refresh(), TOTALS_EVERY_MS);
    context.directory.arrived(this);
  }

  get sessionId(): string {
    return this.#session.record.id;
  }

  get transportKind(): string {
    return this.transport.kind;
  }

  get remote(): string {
    return this.transport.remote;
  }

  way(): SessionWay {
    return this.#session.way();
  }

  binary(bytes: Uint8Array): void {
    this.#raw ??= this.context.hub.define({
      name: `${this.device}/raw`,
      deliveryClass: "state",
      encoding: "raw",
      writable: false,
    });
    this.#publish(this.#raw, bytes);
  }

  text(text: string): void {
    this.#text ??= this.context.hub.define({
      name: `${this.device}/text`,
      deliveryClass: "state",
      encoding: "utf8",
      writable: false,
    });
    this.#publish(this.#text, encoder.encode(text));
  }

  closed(info: TransportClosed): void {
    this.#finish(endReason(info));
  }

  end(close: CloseCode, reason: string): void {
    if (this.#finish(close.name, reason)) this.transport.close(close, reason);
  }

  #publish(topic: Topic, payload: Uint8Array): void {
    const { over, tally, record } = this.#session;
    if (over) return;
    if (payload.length > MAX_PAYLOAD_BYTES) {
      this.context.counters.add("protocol_errors", CLOSE.messageTooLarge.name);
      this.end(
        CLOSE.messageTooLarge,
        `sample of ${payload.length} bytes is above the limit of ${MAX_PAYLOAD_BYTES}`,
      );
      return;
    }
    tally.samplesIn++;
    this.context.hub.publish(topic, this.context.clock.nowUs(), record.number, payload);
  }

  #finish(reason: string, detail?: string): boolean {
    if (!this.#session.end(reason, detail)) return false;
    clearInterval(this.#totalsTimer);
    this.context.directory.departed(this, reason);
    return true;
  }
}
