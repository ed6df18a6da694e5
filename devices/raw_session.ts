/**
 * Raw mode: a device that knows nothing of the protocol. Every binary message is a sample on `<device>/raw`,
 * every text message one on `<device>/text`.
 *
 * @module
 */
import { CLOSE, type CloseCode, closeCode } from "../protocol/close_codes.ts";
import { MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";
import type { Principal } from "../hub/access.ts";
import type { SessionRecord } from "../hub/session_log.ts";
import { Tally } from "../hub/tally.ts";
import type { Topic } from "../hub/topic.ts";
import type { Transport, TransportClosed, TransportHandlers } from "../transport/transport.ts";
import type { DeviceContext } from "./context.ts";
import type { LiveDevice } from "./directory.ts";

const encoder = new TextEncoder();

/** How often the totals go on record, in milliseconds. */
const TOTALS_EVERY_MS = 2_000;

/** One raw device on one connection. */
export class RawSession implements TransportHandlers, LiveDevice {
  readonly device: string;
  readonly sessionId: string;
  readonly #record: SessionRecord;
  readonly #tally: Tally;
  readonly #stopRevoked: () => void;
  readonly #totalsTimer: ReturnType<typeof setInterval>;
  #raw: Topic | undefined;
  #text: Topic | undefined;
  #closed = false;

  constructor(readonly context: DeviceContext, readonly transport: Transport, principal: Principal) {
    this.device = principal.device!;
    this.#record = context.sessionLog.open({
      role: "device",
      device: this.device,
      tokenId: principal.tokenId,
      label: principal.label,
      remote: transport.remote,
      transport: transport.kind,
      client: "raw",
    });
    this.sessionId = this.#record.id;
    this.#record.event("opened", { remote: transport.remote, transport: transport.kind, mode: "raw" });
    this.#tally = new Tally(context.counters, "device_drops");
    this.#stopRevoked = context.authorizer.onRevoked(
      principal.tokenId,
      () => this.end(CLOSE.unauthorized, "the token was revoked"),
    );
    this.#totalsTimer = setInterval(
      () => this.#record.totals(this.#tally.totals(transport.traffic)),
      TOTALS_EVERY_MS,
    );
    context.open.add(this);
    context.directory.arrived(this);
  }

  get transportKind(): string {
    return this.transport.kind;
  }

  get remote(): string {
    return this.transport.remote;
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
    const code = closeCode(info.code);
    this.#finish(code?.name ?? (info.code === 1005 ? "normal" : "connection_lost"));
  }

  end(close: CloseCode, reason: string): void {
    if (this.#closed) return;
    this.#record.event("closed", { reason: close.name, detail: reason });
    this.#finish(close.name);
    this.transport.close(close, reason);
  }

  #publish(topic: Topic, payload: Uint8Array): void {
    if (this.#closed) return;
    if (payload.length > MAX_PAYLOAD_BYTES) {
      this.context.counters.add("protocol_errors", CLOSE.messageTooLarge.name);
      this.end(
        CLOSE.messageTooLarge,
        `sample of ${payload.length} bytes is above the limit of ${MAX_PAYLOAD_BYTES}`,
      );
      return;
    }
    this.#tally.samplesIn++;
    this.context.hub.publish(topic, this.context.clock.nowUs(), this.#record.number, payload);
  }

  #finish(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#totalsTimer);
    this.#stopRevoked();
    this.context.open.delete(this);
    this.#tally.retire(this.transport.traffic);
    this.#record.close(reason, this.#tally.totals());
    this.context.directory.departed(this, reason);
  }
}
