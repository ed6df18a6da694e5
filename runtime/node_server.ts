/**
 * The gateway's server on `node:http`, with WebSockets by npm `ws`. Of the runtimes with their own server it beats
 * Deno's: the size of a message is checked on its header, a peer that does not read can be cut, and what waits for
 * it is known.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Server as WsServer, WebSocket, WebSocketServer } from "ws";
import { IDLE_TIMEOUT_MS } from "../protocol/limits.ts";
import type { WebSocketLimits } from "../transport/websocket.ts";
import { decide, hostPort, settledWithin } from "./handshake.ts";
import { BAD_REQUEST, discardBody, requestOf, respond } from "./node_http.ts";
import { NodeSocket } from "./node_socket.ts";
import { ServerWebSocket } from "./node_websocket.ts";
import {
  DEFAULT_CLOSE_TIMEOUT_MS,
  DEFAULT_MAX_BUFFERED_BYTES,
  DEFAULT_STOP_GRACE_MS,
  type RunningServer,
  type ServeOptions,
  type Upgrade,
} from "./runtime.ts";

/** A request's head must be complete within this: who sends it byte by byte holds a connection for nothing. */
const HEAD_TIMEOUT_MS = 15_000;

/** How often the connections are looked at for that. */
const CHECK_INTERVAL_MS = 5_000;

/** An HTTP connection on which nothing moves for this long is cut. WebSockets have deadlines of their own. */
const HTTP_IDLE_TIMEOUT_MS = 120_000;

/** Bytes of a request's head: a few tokens and a browser's cookies. */
const MAX_HEAD_BYTES = 16_384;

/** Headers of the answer to those who come while the server stops. */
const GOING = { connection: "close", "retry-after": "5" };

/** Serves as {@link Runtime.serve} says. */
export async function serveOnNode(options: ServeOptions): Promise<RunningServer> {
  const server = new NodeServer(options);
  await server.listen();
  return server;
}

class NodeServer implements RunningServer {
  readonly #options: ServeOptions;
  readonly #limits: WebSocketLimits;
  readonly #server: ReturnType<typeof createServer>;
  readonly #webSockets: WsServer<typeof ServerWebSocket>;
  /** Requests and WebSockets, each until it is over. */
  readonly #open = new Set<Promise<unknown>>();
  /** Connections that carry a WebSocket, with the bytes read from each when it was last looked at. */
  readonly #live = new Map<Socket, { webSocket: ServerWebSocket; readBytes: number; asked: boolean }>();
  /** Subprotocols by the request that offered them. */
  readonly #protocols = new WeakMap<IncomingMessage, string>();
  readonly #sweep: ReturnType<typeof setInterval>;
  readonly #sweepEveryMs: number;
  #sweptMs: number;
  #stopping = false;

  constructor(options: ServeOptions) {
    this.#options = options;
    this.#limits = {
      maxMessageBytes: options.maxMessageBytes,
      maxBufferedBytes: options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
      onFault: options.onFault,
    };
    const settings = {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: HEAD_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      keepAliveTimeout: HTTP_IDLE_TIMEOUT_MS,
      noDelay: true,
    };
    this.#server = options.tls
      ? createSecureServer({ ...settings, ...options.tls, ALPNProtocols: ["http/1.1"] })
      : createServer(settings);
    this.#server.timeout = HTTP_IDLE_TIMEOUT_MS;
    this.#server.on("request", (message, outgoing) => this.#request(message, outgoing));
    this.#server.on("upgrade", (message, socket, head) => this.#upgrade(message, socket, head));
    const forWebSockets = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxMessageBytes,
      closeTimeout: options.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS,
      WebSocket: ServerWebSocket,
      handleProtocols: (_offered: Set<string>, message: IncomingMessage) =>
        this.#protocols.get(message) ?? false,
    };
    this.#webSockets = new WebSocketServer(forWebSockets); // its types do not know closeTimeout
    this.#sweepEveryMs = (options.idleTimeoutMs ?? IDLE_TIMEOUT_MS) / 2;
    this.#sweptMs = performance.now();
    this.#sweep = setInterval(() => this.#endSilent(), this.#sweepEveryMs);
  }

  get hostname(): string {
    return (this.#server.address() as AddressInfo).address;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(): Promise<void> {
    const { hostname, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error) => {
        clearInterval(this.#sweep);
        reject(error);
      });
      this.#server.listen(port, hostname, resolve);
    });
  }

  async stop(graceMs = DEFAULT_STOP_GRACE_MS): Promise<void> {
    this.#stopping = true;
    await settledWithin(Promise.all(this.#open), graceMs);
    clearInterval(this.#sweep);
    for (const socket of this.#live.keys()) socket.destroy();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #track(life: Promise<unknown>): void {
    const over: Promise<unknown> = life.then(() => {}, () => {}).then(() => this.#open.delete(over));
    this.#open.add(over);
  }

  /** Answers a plain request. Never throws: what goes wrong is told, and the connection cut. */
  async #request(message: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const gone = new AbortController();
    this.#track(new Promise((resolve) => outgoing.once("close", resolve)));
    outgoing.once("close", () => outgoing.writableFinished || gone.abort());
    try {
      const decision = await this.#decide(message, gone.signal);
      if (!(decision instanceof Response)) throw new Error("an upgrade for a request that asked for none");
      await respond(decision, outgoing);
      discardBody(message);
    } catch (error) {
      this.#options.onFault(error, "serve");
      outgoing.destroy();
    }
  }

  async #decide(message: IncomingMessage, signal?: AbortSignal): Promise<Response | Upgrade> {
    if (this.#stopping) {
      return new Response("The gateway is shutting down.\n", { status: 503, headers: GOING });
    }
    let request: Request;
    try {
      request = requestOf(message, this.#options.tls ? "https" : "http", signal);
    } catch {
      return new Response("The request was not understood.\n", { status: BAD_REQUEST });
    }
    const { remoteAddress, remotePort } = message.socket;
    const remote = remoteAddress === undefined ? "unknown" : hostPort(remoteAddress, remotePort ?? 0);
    return await decide(request, { remote }, this.#options);
  }

  /** A request that wants to change protocols, which need not be to WebSocket; its bytes are held back meanwhile. */
  async #upgrade(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const ignore = () => {}; // the close that follows is what counts
    socket.on("error", ignore);
    this.#track(new Promise((resolve) => socket.once("close", resolve)));
    try {
      const decision = await this.#decide(message);
      if (decision instanceof Response) return await this.#refuse(decision, message, socket as Socket);
      if (decision.protocol !== undefined) this.#protocols.set(message, decision.protocol);
      const { remoteAddress, remotePort } = socket as Socket;
      this.#webSockets.handleUpgrade(message, socket, head, (webSocket) => {
        const remote = hostPort(remoteAddress ?? "unknown", remotePort ?? 0);
        this.#live.set(socket as Socket, { webSocket, readBytes: 0, asked: false });
        socket.once("close", () => this.#live.delete(socket as Socket));
        new NodeSocket(webSocket, socket, remote, this.#limits).begin(decision.accept);
      });
    } catch (error) {
      this.#options.onFault(error, "serve");
      socket.destroy();
    }
  }

  async #refuse(response: Response, message: IncomingMessage, socket: Socket): Promise<void> {
    const outgoing = new ServerResponse(message);
    outgoing.shouldKeepAlive = false;
    outgoing.assignSocket(socket);
    outgoing.once("finish", () => socket.destroySoon());
    await respond(response, outgoing);
  }

  /**
   * Asks those from whom nothing came for half of the time, and cuts those who did not answer. None is cut when this
   * thread stood still meanwhile: an answer may be there and not be read yet.
   */
  #endSilent(): void {
    const now = performance.now();
    const stoodStill = now - this.#sweptMs >= 2 * this.#sweepEveryMs;
    this.#sweptMs = now;
    for (const [socket, state] of this.#live) {
      if (socket.bytesRead !== state.readBytes) state.asked = false;
      else if (state.asked && !stoodStill) socket.destroy();
      else {
        state.asked = true;
        if (state.webSocket.readyState === WebSocket.OPEN) state.webSocket.ping();
      }
      state.readBytes = socket.bytesRead;
    }
  }
}
