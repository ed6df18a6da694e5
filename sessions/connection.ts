/**
 * One peer's connection, from its first byte to the last word: what is the same whoever the peer is. Its `hello`
 * must come in time, silence ends it, a fault of the peer's is answered and closes it, a fault of ours is logged
 * and ends nothing else.
 *
 * @module
 */
import { CLOSE, type CloseCode, closeCode } from "../protocol/close_codes.ts";
import type { SharedMessage } from "../protocol/control.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { EndableSession } from "../hub/session_log.ts";
import type { SessionWay } from "../transport/way.ts";
import type { Watched } from "../transport/liveness.ts";
import type { Transport, TransportClosed, TransportHandlers } from "../transport/transport.ts";
import type { SessionContext } from "./context.ts";

/** How a connection ended, as the session's record tells it. */
export interface Ending {
  /** Name of a close code, or `connection_lost`. */
  reason: string;
  /** Whether the peer may come back and go on. */
  resumable: boolean;
  /** More words, where the gateway ended it. */
  detail?: string;
}

/** What a session does with its connection. What these throw, the connection handles. */
export interface ConnectionUser<In> {
  /** Names the session in the log of faults. */
  name(): string;
  /** Reads a control message. @throws {ProtocolError} when it is none. */
  parse(text: string): In;
  /** A control message. */
  control(message: In): void;
  /** A binary message; `bytes` is borrowed. */
  binary(bytes: Uint8Array): void;
  /** Why the session is on its transport; undefined before `welcome`. */
  way?(): SessionWay | undefined;
  /** The connection is over: nothing can be sent any more. Called exactly once. */
  over(ending: Ending): void;
}

/** What a peer may say at any time, and is answered alike. */
export type Courtesy = Extract<SharedMessage, { type: "ping" | "pong" | "clock" | "bye" }>;

/** Longest reason or message in words that a control message carries, in characters. */
const MAX_WORDS = 1000;

/** A peer's connection. `In` is what the peer says, `Out` what it is told. */
export class Connection<In, Out extends { type: string }>
  implements TransportHandlers, Watched, EndableSession {
  heardMs = 0;
  #over = false;
  #stopRevoked: () => void = () => {};
  /** Runs until `hello`. */
  #helloTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly context: SessionContext,
    readonly transport: Transport,
    readonly user: ConnectionUser<In>,
  ) {
    const { helloTimeoutMs, liveness, open } = context;
    this.#helloTimer = setTimeout(
      () => this.end(CLOSE.helloTimeout, `no hello within ${helloTimeoutMs} ms`),
      helloTimeoutMs,
    );
    liveness.add(this);
    open.add(this);
  }

  /** Whether it has ended. */
  get over(): boolean {
    return this.#over;
  }

  binary(bytes: Uint8Array): void {
    this.heardMs = this.context.liveness.nowMs();
    if (!this.#over) this.guard(() => this.user.binary(bytes));
  }

  text(text: string): void {
    this.heardMs = this.context.liveness.nowMs();
    if (!this.#over) this.guard(() => this.user.control(this.user.parse(text)));
  }

  closed(info: TransportClosed): void {
    const code = closeCode(info.code);
    const lost = code === undefined && info.code !== 1005;
    this.#finish({ reason: endReason(info), resumable: code?.reconnect ?? lost });
  }

  ping(): void {
    this.send({ type: "ping" });
  }

  dead(): void {
    const silentMs = Math.round(this.context.liveness.nowMs() - this.heardMs);
    this.close(CLOSE.idle, `nothing heard for ${silentMs} ms`, true);
  }

  way(): SessionWay | undefined {
    return this.user.way?.();
  }

  /** Ends the session for good, from the gateway's side. */
  end(code: CloseCode, reason: string): void {
    this.close(code, reason, false);
  }

  /** Ends the connection with a last word. */
  close(code: CloseCode, reason: string, resumable: boolean): void {
    if (this.#over) return;
    const bye = {
      type: "bye",
      code: code.code,
      reason: reason.slice(0, MAX_WORDS),
      reconnect: code.reconnect,
    };
    this.transport.send(JSON.stringify(bye), "control");
    this.#finish({ reason: code.name, resumable, detail: reason });
    this.transport.close(code, reason);
  }

  /** `hello` has come. */
  greeted(): void {
    clearTimeout(this.#helloTimer);
    this.#helloTimer = undefined; // with its closure, which would stay as long as the connection
  }

  /** Ends the session when its token is revoked. */
  endWhenRevoked(tokenId: string): void {
    this.#stopRevoked = this.context.authorizer.onRevoked(
      tokenId,
      () => this.end(CLOSE.unauthorized, "the token was revoked"),
    );
  }

  /** Answers what every peer may say at any time. */
  answer(message: Courtesy): void {
    switch (message.type) {
      case "ping":
        return this.send({ type: "pong", ...(message.id === undefined ? {} : { id: message.id }) });
      case "pong":
        return;
      case "clock":
        return this.send({ type: "clock_reply", t: message.t, at: this.context.clock.nowUs() });
      case "bye":
        return this.end(CLOSE.normal, message.reason ?? "bye");
      default:
        message satisfies never;
    }
  }

  send(message: Out | SharedMessage): void {
    this.transmit(JSON.stringify(message));
  }

  /** Sends a message. One that is refused is missing from then on: the peer is better off beginning anew. */
  transmit(message: string | Uint8Array): void {
    if (!this.#over && !this.transport.send(message, "control")) this.refused();
  }

  /** The peer takes no more. Not for a line that is closing: why, its own word will say. */
  refused(): void {
    if (!this.transport.open) return;
    this.close(CLOSE.slowConsumer, `${this.transport.bufferedBytes} bytes wait unread`, true);
  }

  /** Peer's faults become a close code and a counter; anything else is ours and ends only this session. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.context.counters.add("protocol_errors", error.close.name);
        this.send({ type: "error", code: error.close.name, message: error.message.slice(0, MAX_WORDS) });
        this.close(error.close, error.message, error.close.reconnect);
      } else {
        this.context.fault(this.user.name(), error);
        this.close(CLOSE.internal, "internal error", true);
      }
    }
  }

  #finish(ending: Ending): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#helloTimer);
    this.#stopRevoked();
    this.context.liveness.remove(this);
    this.context.open.delete(this);
    this.user.over(ending);
  }
}

/** Why a connection ended, for the record: a close code's name, `normal` or `connection_lost`. */
export function endReason({ code }: TransportClosed): string {
  return closeCode(code)?.name ?? (code === 1005 ? "normal" : "connection_lost");
}
