/**
 * The gateway on Deno.
 *
 * @module
 */
import { NodeGroup } from "./node_socket.ts";
import type { RunningServer, Runtime, ServeOptions, WebSocketClient } from "./runtime.ts";
import { workerRole } from "./worker_role.ts";

/** The server is loaded where one is needed: worker threads and most commands have none. */
async function serve(options: ServeOptions): Promise<RunningServer> {
  const { serveOnNode } = await import("./node_server.ts");
  return serveOnNode(options);
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

/**
 * The client of `ws`, since Deno's own leaves Nagle's algorithm on: a small message waited for the answer to the
 * one before, 16 to 19 ms (median) where this one takes 0.3.
 */
async function webSocketClient(certificate?: string): Promise<WebSocketClient> {
  const { WebSocket } = await import("ws");
  // Trusting the usual authorities beside it would take one more permission.
  const trust = certificate === undefined ? {} : { ca: certificate };
  const Client = class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { perMessageDeflate: false, ...trust });
    }
  };
  // Its events are its own, but have all that the standard's clients read.
  return Client as unknown as WebSocketClient;
}

/** Deno 2.9 takes the size of a socket's buffer for the memory of each datagram, and twice as much on Linux. */
function expectDatagrams(socket: object, maxBytes: number): void {
  const resize: unknown = Reflect.get(socket, "setRecvBufferSize");
  if (typeof resize === "function") Reflect.apply(resize, socket, [maxBytes]);
}

/** Deno as a {@link Runtime}. */
export function denoRuntime(): Runtime {
  return {
    name: "deno",
    version: Deno.version.deno,
    flushMs: 5,
    dearTimers: true,
    serve,
    group: () => new NodeGroup(),
    args: Deno.args,
    env: (name) => Deno.env.get(name),
    onStopSignal,
    workerRole: workerRole(),
    startWorker,
    webSocketClient,
    expectDatagrams,
    exit: (code) => Deno.exit(code),
  };
}
