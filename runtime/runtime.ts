/**
 * What the gateway needs of the runtime beneath it. Deno and Bun each implement it; nothing else names them.
 *
 * @module
 */
import type { Accept, BroadcastGroup } from "../transport/transport.ts";

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
  /** Answers plain requests. */
  fetch(request: Request, info: RequestInfo): Response | Promise<Response>;
  /** Decides on WebSocket handshakes: an upgrade, or the response that refuses it. */
  upgrade(request: Request, info: RequestInfo): Upgrade | Response | Promise<Upgrade | Response>;
}

/** A server that is listening. */
export interface RunningServer {
  readonly hostname: string;
  readonly port: number;
  /** Stops listening and waits for open requests; open WebSockets are their owners' to close. */
  stop(): Promise<void>;
}

/** The runtime's part. */
export interface Runtime {
  readonly name: "deno" | "bun";
  readonly version: string;
  /** @throws when the address is taken or not allowed. */
  serve(options: ServeOptions): Promise<RunningServer>;
  /** A set of this runtime's transports that get the same messages. */
  group(): BroadcastGroup;
  /** Command-line arguments behind the program's own name. */
  readonly args: readonly string[];
  env(name: string): string | undefined;
  /** Calls back on SIGINT and SIGTERM; the returned function stops that. */
  onStopSignal(stop: (signal: string) => void): () => void;
  /** Whether this module runs in a worker rather than on the main thread. */
  readonly isWorker: boolean;
  /** Starts this same program as a worker under `role`. */
  startWorker(role: string): Worker;
  exit(code: number): never;
}
