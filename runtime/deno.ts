/**
 * The gateway on Deno.
 *
 * @module
 */
import { IDLE_TIMEOUT_MS } from "../protocol/limits.ts";
import { LoopGroup } from "../transport/loop_group.ts";
import type { Accept } from "../transport/transport.ts";
import { WebSocketTransport } from "../transport/websocket.ts";
import type { WebSocketLimits } from "../transport/websocket.ts";
import { decide, hostPort, settledWithin } from "./handshake.ts";
import { DEFAULT_MAX_BUFFERED_BYTES, DEFAULT_STOP_GRACE_MS } from "./runtime.ts";
import type { RunningServer, Runtime, ServeOptions } from "./runtime.ts";

/** Headers of the answer to those who come while the server stops. */
const GOING = { connection: "close", "retry-after": "5" };

/**
 * A WebSocket of `Deno.serve`. Two bounds are Deno's own and cannot be set: it gathers a message of up to 64 MiB
 * before it is seen (and refused) here, and a connection whose peer reads nothing stays, with what waits for it,
 * until the system gives up on the TCP connection, for its closing frame queues behind the rest. The owner is told
 * of the end at once all the same.
 */
class DenoSocket extends WebSocketTransport {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket, remote: string, limits: WebSocketLimits, accept: Accept) {
    super(remote, limits);
    this.#socket = socket;
    socket.binaryType = "arraybuffer"; // the default, a Blob, can only be read asynchronously
    socket.onopen = () => this.opened(accept);
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") this.receivedText(data);
      else this.receivedBytes(new Uint8Array(data));
    };
    socket.onerror = null; // a close event follows, and says what there is to say
    socket.onclose = ({ code, reason, wasClean }) => this.ended(wasClean ? code : 1006, reason);
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** The peer may have closed it already: the event that says so, and why, comes in a later turn. */
  override get open(): boolean {
    return super.open && this.#socket.readyState === WebSocket.OPEN;
  }

  protected transmit(message: string | Uint8Array): boolean {
    // Deno's send never refuses. It throws where the connection is no longer open, which `open` may not know
    // yet: the close event comes in a later turn.
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(message as string | Uint8Array<ArrayBuffer>);
    return true;
  }

  protected shut(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
}

async function serve(options: ServeOptions): Promise<RunningServer> {
  const limits: WebSocketLimits = {
    maxMessageBytes: options.maxMessageBytes,
    maxBufferedBytes: options.maxBufferedBytes ?? DEFAULT_MAX_BUFFERED_BYTES,
    onFault: options.onFault,
  };
  const idleTimeout = Math.max(8, Math.ceil((options.idleTimeoutMs ?? IDLE_TIMEOUT_MS) / 1000));
  const open = new Set<Promise<unknown>>(); // requests and WebSockets, each until it is over
  const cut = new AbortController();
  let stopping = false;

  function track(life: Promise<unknown>): void {
    const over: Promise<unknown> = life.then(() => {}, () => {}).then(() => open.delete(over));
    open.add(over);
  }

  async function answer(request: Request, info: Deno.ServeHandlerInfo<Deno.NetAddr>): Promise<Response> {
    if (stopping) return new Response("The gateway is shutting down.\n", { status: 503, headers: GOING });
    track(info.completed);
    const remote = hostPort(info.remoteAddr.hostname, info.remoteAddr.port);
    const decision = await decide(request, { remote }, options);
    if (decision instanceof Response) return decision;
    const { protocol, accept } = decision;
    const { socket, response } = Deno.upgradeWebSocket(request, {
      idleTimeout,
      ...(protocol === undefined ? {} : { protocol }),
    });
    new DenoSocket(socket, remote, limits, accept);
    track(new Promise((resolve) => socket.addEventListener("close", resolve)));
    return response;
  }

  const server = Deno.serve({
    hostname: options.hostname,
    port: options.port,
    signal: cut.signal,
    onListen: () => {},
    onError(error) {
      options.onFault(error, "serve");
      return new Response("The gateway failed to answer; its log says why.\n", { status: 500 });
    },
    ...(options.tls ?? {}),
  }, answer);

  return await Promise.resolve({
    hostname: server.addr.hostname,
    port: server.addr.port,
    async stop(graceMs = DEFAULT_STOP_GRACE_MS) {
      // Deno's own graceful shutdown cuts open WebSockets and waits for idle keep-alive connections, the wrong
      // way round for us. So the port stays taken, every new request is turned away, and when what was open is
      // done the rest is cut.
      stopping = true;
      await settledWithin(Promise.all(open.values()), graceMs);
      cut.abort();
      await server.finished;
    },
  });
}

function startWorker(role: string, module = Deno.mainModule): Worker {
  return new Worker(module, { type: "module", name: role });
}

function onStopSignal(stop: (signal: string) => void): () => void {
  // Windows knows only the first; Deno throws on what the system does not have.
  const signals = (Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"]) as Deno.Signal[];
  const removals = signals.map((signal) => {
    const listener = () => stop(signal);
    Deno.addSignalListener(signal, listener);
    return () => Deno.removeSignalListener(signal, listener);
  });
  return () => removals.forEach((remove) => remove());
}

/** The name that this thread was started under, where it is a worker. */
function workerName(): string | undefined {
  const scope = globalThis as { WorkerGlobalScope?: unknown; name?: string };
  return scope.WorkerGlobalScope === undefined ? undefined : scope.name || undefined;
}

function trustingWebSocket(certificate: string): new (url: string, protocols: string[]) => WebSocket {
  const client = Deno.createHttpClient({ caCerts: [certificate] });
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      // The DOM's types, which the page needs, hide the option that Deno adds.
      super(url, { protocols, client } as unknown as string[]);
    }
  };
}

/** Deno as a {@link Runtime}. */
export function denoRuntime(): Runtime {
  return {
    name: "deno",
    version: Deno.version.deno,
    serve,
    group: () => new LoopGroup(),
    args: Deno.args,
    env: (name) => Deno.env.get(name),
    onStopSignal,
    workerRole: workerName(),
    startWorker,
    trustingWebSocket,
    exit: (code) => Deno.exit(code),
  };
}
