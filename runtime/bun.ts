/**
 * The gateway on Bun.
 *
 * @module
 */
import process from "node:process";
import { IDLE_TIMEOUT_MS } from "../protocol/limits.ts";
import type { WebSocketLimits } from "../transport/websocket.ts";
import { BunGroup, BunSocket, type Data } from "./bun_socket.ts";
import type { BunGlobal } from "./bun_types.ts";
import { decide, hostPort, settledWithin } from "./handshake.ts";
import { DEFAULT_MAX_BUFFERED_BYTES, DEFAULT_STOP_GRACE_MS } from "./runtime.ts";
import type { RunningServer, Runtime, ServeOptions, WebSocketClient } from "./runtime.ts";
import { WORKER_ROLE, workerRole } from "./worker_role.ts";

/**
 * Bun ends a connection without a close code when a message is larger than its own limit, so that one lies
 * this many times higher: ours answers with 1009, and Bun's bounds the memory.
 */
const NATIVE_LIMIT_FACTOR = 4;

/** Beyond this Bun drops messages; ours refuses long before. */
const NATIVE_BACKPRESSURE_LIMIT = 1_073_741_824;

/** Seconds after which Bun cuts an HTTP connection on which nothing moves. Its default of 10 would cut slow queries. */
const HTTP_IDLE_TIMEOUT_S = 120;

async function serve(bun: BunGlobal, options: ServeOptions): Promise<RunningServer> {
  const limits: WebSocketLimits = {
    maxMessageBytes: options.maxMessageBytes,
    maxBufferedBytes: options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
    onFault: options.onFault,
  };

  const server = bun.serve<Data>({
    hostname: options.hostname,
    port: options.port,
    ...(options.tls ? { tls: options.tls } : {}),
    development: false,
    idleTimeout: HTTP_IDLE_TIMEOUT_S,
    async fetch(request, server) {
      const peer = server.requestIP(request);
      const remote = peer ? hostPort(peer.address, peer.port) : "unknown";
      const decision = await decide(request, { remote }, options);
      if (decision instanceof Response) return decision;
      const headers = decision.protocol === undefined ? {} : { "sec-websocket-protocol": decision.protocol };
      if (server.upgrade(request, { data: { remote, accept: decision.accept }, headers })) return undefined;
      return new Response("The WebSocket handshake was not understood.\n", { status: 400 });
    },
    error(error) {
      options.onFault(error, "serve");
      return new Response("The gateway failed to answer; its log says why.\n", { status: 500 });
    },
    websocket: {
      idleTimeout: Math.max(8, Math.ceil((options.idleTimeoutMs ?? IDLE_TIMEOUT_MS) / 1000)),
      sendPings: true,
      maxPayloadLength: options.maxMessageBytes * NATIVE_LIMIT_FACTOR,
      backpressureLimit: NATIVE_BACKPRESSURE_LIMIT,
      closeOnBackpressureLimit: false,
      perMessageDeflate: false,
      open(socket) {
        // Bun's default is a Buffer, whose `slice` does not copy. In speed the three kinds are alike.
        socket.binaryType = "uint8array";
        socket.data.transport = new BunSocket(socket, server, limits);
        socket.data.transport.begin();
      },
      message: (socket, message) => socket.data.transport?.message(message),
      close: (socket, code, reason) => socket.data.transport?.over(code, reason),
    },
  });

  return await Promise.resolve({
    hostname: server.hostname,
    port: server.port,
    async stop(graceMs = DEFAULT_STOP_GRACE_MS) {
      const stopped = server.stop();
      server.closeIdleConnections();
      if (!await settledWithin(stopped, graceMs)) await settledWithin(server.stop(true), graceMs);
    },
  });
}

function startWorker(bun: BunGlobal, role: string, module = bun.pathToFileURL(bun.main).href): Worker {
  const options = { type: "module" as const, name: role, env: { ...process.env, [WORKER_ROLE]: role } };
  return new Worker(module, options);
}

function onStopSignal(stop: (signal: string) => void): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, stop);
  return () => signals.forEach((signal) => process.off(signal, stop));
}

function webSocketClient(certificate?: string): Promise<WebSocketClient> {
  if (certificate === undefined) return Promise.resolve(WebSocket);
  return Promise.resolve(
    class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        // Bun takes TLS options here, which the standard's types do not know.
        super(url, { protocols, tls: { ca: certificate } } as unknown as string[]);
      }
    },
  );
}

/** Bun as a {@link Runtime}. */
export function bunRuntime(bun: BunGlobal): Runtime {
  return {
    name: "bun",
    version: bun.version,
    flushMs: 5.5,
    dearTimers: false,
    serve: (options) => serve(bun, options),
    group: () => new BunGroup(),
    args: process.argv.slice(2),
    env: (name) => process.env[name],
    onStopSignal,
    workerRole: workerRole(),
    startWorker: (role, module) => startWorker(bun, role, module),
    webSocketClient,
    expectDatagrams: () => {}, // it is the kernel's buffer that its sockets have a size for
    exit: (code) => process.exit(code),
  };
}
