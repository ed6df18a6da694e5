/**
 * What the gateway needs of the runtime beneath it. Deno and Bun each implement it; nothing else names them.
 *
 * @module
 */
import type { Accept, BroadcastGroup } from "../transport/transport.ts";

/** Default of `maxBufferedBytes`: 16 of the largest messages, far above where a session should react. */
export const DEFAULT_MAX_BUFFERED_BYTES = 4_194_304;

/** Default of `stop`'s grace: leaves room within the 5 s in which the program must end. */
export const DEFAULT_STOP_GRACE_MS = 3_000;

/** Default of `closeTimeoutMs`: a slow peer may still take in what waits for it, a dead one is not kept for long. */
export const DEFAULT_CLOSE_TIMEOUT_MS = 10_000;

/** What is known of a request beside itself. */
export interface RequestInfo {
  /** Peer as `address:port`. */
  remote: string;
}

/** How to take a WebSocket. */
export interface Upgrade {
  /** Subprotocol to confirm; undefined when the client offered none. */
  protocol?: string;
  /** Called once the connection is open. */
  accept: Accept;
}

/** Options of {@link Runtime.serve}. */
export interface ServeOptions {
  hostname: string;
  /** 0 takes any free port. */
  port: number;
  /** PEM texts; without, plain HTTP. */
  tls?: { cert: string; key: string };
  /** Larger WebSocket messages end their connection with 1009. */
  maxMessageBytes: number;
  /** What one WebSocket may have waiting before `send` refuses; default {@link DEFAULT_MAX_BUFFERED_BYTES}. */
  maxBufferedBytes?: number;
  /**
   * A peer that is silent and does not answer protocol pings for this long is gone; default
   * `IDLE_TIMEOUT_MS`; on Bun rounded up to whole seconds, at least 8. It is a net beneath the sessions' own
   * deadlines, not a replacement: Bun does not catch a peer that is being sent to.
   */
  idleTimeoutMs?: number;
  /**
   * A peer that has not answered a close after this long is cut, with what waits for it; default
   * {@link DEFAULT_CLOSE_TIMEOUT_MS}. Bun has a time of its own.
   */
  closeTimeoutMs?: number;
  /** Answers plain requests. */
  fetch(request: Request, info: RequestInfo): Response | Promise<Response>;
  /** Decides on WebSocket handshakes: an upgrade, or the response that refuses it. */
  upgrade(request: Request, info: RequestInfo): Upgrade | Response | Promise<Upgrade | Response>;
  /** Told of each error thrown by `fetch`, `upgrade` or a transport's handlers, and where it came from. */
  onFault(error: unknown, where: string): void;
}

/** A server that is listening. */
export interface RunningServer {
  readonly hostname: string;
  readonly port: number;
  /**
   * Takes no more requests, then waits for those under way and for open WebSockets, which are their owners' to
   * close. Idle keep-alive connections do not hold it up. (On Bun the port is free at once; on Deno requests are
   * answered with 503 until the last WebSocket is closed.)
   *
   * @param graceMs What is still open after this long is cut; default {@link DEFAULT_STOP_GRACE_MS}.
   */
  stop(graceMs?: number): Promise<void>;
}

/** A class of standard WebSocket clients. */
export type WebSocketClient = new (url: string, protocols: string[]) => WebSocket;

/** The runtime's part. */
export interface Runtime {
  readonly name: "deno" | "bun";
  readonly version: string;
  /**
   * Longest wait to coalesce samples under load, in milliseconds, with which the median delay to fifty dashboards
   * stays below 3 ms: what the wait leaves of that, the runtime takes for its sends.
   */
  readonly flushMs: number;
  /** Whether a timer that wakes the program costs several times what a message does that comes while it is awake. */
  readonly dearTimers: boolean;
  /** @throws when the address is taken or not allowed. */
  serve(options: ServeOptions): Promise<RunningServer>;
  /** A set of this runtime's transports that get the same messages. */
  group(): BroadcastGroup;
  /** Command-line arguments behind the program's own name. */
  readonly args: readonly string[];
  env(name: string): string | undefined;
  /** Calls back on SIGINT and SIGTERM; the returned function stops that. */
  onStopSignal(stop: (signal: string) => void): () => void;
  /** The role that {@link startWorker} was given, where this thread is such a worker; known from the start. */
  readonly workerRole: string | undefined;
  /**
   * Starts a worker under `role`.
   *
   * @param module URL of the module to run; default the program's main module, so that it works from source,
   * from a bundle and inside an executable alike.
   */
  startWorker(role: string, module?: string): Worker;
  /**
   * The WebSocket client that sends small messages without delay; with a certificate (PEM), one that trusts it;
   * whether others too is up to the runtime. There is no portable way to say either.
   */
  webSocketClient(certificate?: string): Promise<WebSocketClient>;
  /**
   * Says how long the datagrams that an open socket of node:dgram receives are at most; what is longer may be cut.
   * Deno takes memory for the longest that there can be, 64 KiB, for each datagram otherwise.
   */
  expectDatagrams(socket: object, maxBytes: number): void;
  exit(code: number): never;
}
