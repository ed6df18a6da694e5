/**
 * The small part of Bun's API that the gateway uses, declared here so that the program type-checks without
 * Bun's own types.
 *
 * @module
 */

/** `ServerWebSocket` of Bun, carrying `T` as its data. */
export interface BunWebSocket<T> {
  readonly data: T;
  binaryType: "uint8array" | "arraybuffer" | "nodebuffer";
  /** @returns bytes taken; -1 when queued behind others; 0 when dropped, or when the message is empty. */
  send(message: string | Uint8Array, compress?: boolean): number;
  close(code?: number, reason?: string): void;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  getBufferedAmount(): number;
}

/** `Server` of Bun. */
export interface BunServer<T> {
  readonly hostname: string;
  readonly port: number;
  upgrade(request: Request, options: { data: T; headers?: Record<string, string> }): boolean;
  requestIP(request: Request): { address: string; port: number } | null;
  publish(topic: string, message: string | Uint8Array, compress?: boolean): number;
  /** Stops listening; with `true` cuts what is open. Resolves when nothing is open any more. */
  stop(closeActiveConnections?: boolean): Promise<void>;
  closeIdleConnections(): void;
}

/** What `Bun.serve` takes. Times in seconds, sizes in bytes. */
export interface BunServeOptions<T> {
  hostname: string;
  port: number;
  tls?: { cert: string; key: string };
  development: boolean;
  idleTimeout: number;
  fetch(request: Request, server: BunServer<T>): Promise<Response | undefined>;
  error(error: unknown): Response;
  websocket: {
    idleTimeout: number;
    sendPings: boolean;
    maxPayloadLength: number;
    backpressureLimit: number;
    closeOnBackpressureLimit: boolean;
    perMessageDeflate: boolean;
    open(socket: BunWebSocket<T>): void;
    message(socket: BunWebSocket<T>, message: string | Uint8Array): void;
    close(socket: BunWebSocket<T>, code: number, reason: string): void;
  };
}

/** The global `Bun`. */
export interface BunGlobal {
  readonly version: string;
  /** Path of the main module. */
  readonly main: string;
  readonly isMainThread: boolean;
  serve<T>(options: BunServeOptions<T>): BunServer<T>;
  pathToFileURL(path: string): URL;
}

/** The global `Bun`, where this is Bun. */
export function bunGlobal(): BunGlobal | undefined {
  return (globalThis as { Bun?: BunGlobal }).Bun;
}
