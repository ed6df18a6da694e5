/**
 * The gateway on Bun.
 *
 * @module
 */
import process from "node:process";
import { IDLE_TIMEOUT_MS } from "../protocol/limits.ts";
import { LoopGroup, NOBODY } from "../transport/loop_group.ts";
import type { Accept, BroadcastGroup, Transport } from "../transport/transport.ts";
import { WebSocketTransport } from "../transport/websocket.ts";
import type { WebSocketLimits } from "../transport/websocket.ts";
import type { BunGlobal, BunServer, BunWebSocket } from "./bun_types.ts";
import { decide, hostPort, settledWithin } from "./handshake.ts";
import { DEFAULT_MAX_BUFFERED_BYTES, DEFAULT_STOP_GRACE_MS } from "./runtime.ts";
import type { RunningServer, Runtime, ServeOptions } from "./runtime.ts";

/**
 * Bun ends a connection without a close code when a message is larger than its own limit, so that one lies
 * this many times higher: ours answers with 1009, and Bun's bounds the memory.
 */
const NATIVE_LIMIT_FACTOR = 4;

/** Beyond this Bun drops messages; ours refuses long before. */
const NATIVE_BACKPRESSURE_LIMIT = 1_073_741_824;

/** Seconds after which Bun cuts an HTTP connection on which nothing moves. Its default of 10 would cut slow queries. */
const HTTP_IDLE_TIMEOUT_S = 120;

/** The environment variable of a worker thread by which it knows its role: Bun's workers do not see their name. */
const WORKER_ROLE = "TIDEGATE_WORKER_ROLE";

/** What travels with each connection from the handshake on. */
interface Data {
  readonly remote: string;
  readonly accept: Accept;
  transport?: BunSocket;
}

/** A WebSocket of `Bun.serve`. */
class BunSocket extends WebSocketTransport {
  readonly #accept: Accept;

  constructor(
    readonly socket: BunWebSocket<Data>,
    readonly server: BunServer<Data>,
    limits: WebSocketLimits,
  ) {
    super(socket.data.remote, limits);
    this.#accept = socket.data.accept;
  }

  get bufferedBytes(): number {
    return this.open ? this.socket.getBufferedAmount() : 0;
  }

  begin(): void {
    this.opened(this.#accept);
  }

  message(message: string | Uint8Array): void {
    if (typeof message === "string") this.receivedText(message);
    else this.receivedBytes(message);
  }

  over(code: number, reason: string): void {
    this.ended(code, reason);
  }

  protected transmit(message: string | Uint8Array): boolean {
    // -1 says queued, which is under way; 0 says dropped, but also that an empty message went out.
    return this.socket.send(message, false) !== 0 || message.length === 0;
  }

  protected shut(code: number, reason: string): void {
    this.socket.close(code, reason);
  }
}

let groups = 0;

/** Broadcast by Bun's own publish/subscribe: one call hands a message to every member. */
class BunGroup implements BroadcastGroup {
  readonly #topic = `group-${++groups}`;
  readonly #members = new Set<BunSocket>();
  /** Members of each server: a topic is published server by server. */
  readonly #servers = new Map<BunServer<Data>, number>();
  /** Members of other kinds, such as DataChannels. */
  readonly #others = new LoopGroup();

  get size(): number {
    return this.#members.size + this.#others.size;
  }

  add(transport: Transport): void {
    if (!(transport instanceof BunSocket)) return this.#others.add(transport);
    if (!transport.open || this.#members.has(transport)) return;
    this.#members.add(transport);
    this.#servers.set(transport.server, (this.#servers.get(transport.server) ?? 0) + 1);
    transport.socket.subscribe(this.#topic);
    transport.joined(this);
  }

  delete(transport: Transport): void {
    if (!(transport instanceof BunSocket)) return this.#others.delete(transport);
    if (!this.#members.delete(transport)) return;
    transport.left(this);
    transport.socket.unsubscribe(this.#topic);
    const left = (this.#servers.get(transport.server) ?? 1) - 1;
    if (left > 0) this.#servers.set(transport.server, left);
    else this.#servers.delete(transport.server);
  }

  send(message: Uint8Array): readonly Transport[] {
    const refused = this.#others.size > 0 ? this.#others.send(message) : NOBODY;
    if (this.#members.size < 2 || !this.#allWritable()) return [...refused, ...this.#loop(message)];
    for (const server of this.#servers.keys()) server.publish(this.#topic, message, false);
    for (const member of this.#members) member.countOut(message.byteLength);
    return refused;
  }

  #allWritable(): boolean {
    for (const member of this.#members) if (!member.writable) return false;
    return true;
  }

  #loop(message: Uint8Array): readonly Transport[] {
    let refused: Transport[] | undefined;
    for (const member of this.#members) if (!member.send(message)) (refused ??= []).push(member);
    return refused ?? NOBODY;
  }
}

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

function trustingWebSocket(certificate: string): new (url: string, protocols: string[]) => WebSocket {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      // Bun takes TLS options here, which the standard's types do not know.
      super(url, { protocols, tls: { ca: certificate } } as unknown as string[]);
    }
  };
}

/** Bun as a {@link Runtime}. */
export function bunRuntime(bun: BunGlobal): Runtime {
  return {
    name: "bun",
    version: bun.version,
    serve: (options) => serve(bun, options),
    group: () => new BunGroup(),
    args: process.argv.slice(2),
    env: (name) => process.env[name],
    onStopSignal,
    workerRole: bun.isMainThread ? undefined : process.env[WORKER_ROLE],
    startWorker: (role, module) => startWorker(bun, role, module),
    trustingWebSocket,
    exit: (code) => process.exit(code),
  };
}
