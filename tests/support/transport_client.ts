/**
 * Clients for the conformance suite: the server program in a child process, a standard WebSocket whose messages
 * can be awaited one by one, and a raw TCP peer that does what a standard WebSocket will not.
 *
 * @module
 */
import { connectDataChannel } from "./data_channel_client.ts";
import type { Seen } from "./transport_server.ts";

const SERVER = new URL("./transport_server.ts", import.meta.url).pathname;

/** The runtimes under test, each with the command that runs a program on it. */
export const RUNTIMES: Record<"deno" | "bun", [string, ...string[]]> = {
  deno: [Deno.execPath(), "run", "-A", "--quiet"],
  bun: ["bun", "run"],
};

/** A running server program. */
export class ServerProcess implements AsyncDisposable {
  #seen = 0;
  readonly #output: ReadableStreamDefaultReader<string>;
  /** What was read and is not part of a line that was returned. */
  #printed = "";

  private constructor(readonly child: Deno.ChildProcess, readonly client?: Deno.HttpClient) {
    this.#output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  port = 0;

  /** Starts the program and waits until it listens. */
  static async start(
    command: [string, ...string[]],
    env: Record<string, string> = {},
    client?: Deno.HttpClient,
  ): Promise<ServerProcess> {
    const [program, ...args] = command;
    const child = new Deno.Command(program, {
      args: [...args, SERVER],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const server = new ServerProcess(child, client);
    server.port = (JSON.parse(await server.line()) as { port: number }).port;
    return server;
  }

  /** The next line it prints. */
  async line(): Promise<string> {
    let end = this.#printed.indexOf("\n");
    for (; end < 0; end = this.#printed.indexOf("\n")) {
      const { value, done } = await this.#output.read();
      if (done) throw new Error(`the server ended without another line; it said: ${this.#printed}`);
      this.#printed += value;
    }
    const line = this.#printed.slice(0, end);
    this.#printed = this.#printed.slice(end + 1);
    return line;
  }

  /** A URL on it. */
  url(path: string): string {
    return `${this.client ? "https" : "http"}://127.0.0.1:${this.port}${path}`;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url(path), this.client ? { ...init, client: this.client } : init);
  }

  /** Waits for the next thing of this kind that it saw, passing over others. */
  async seen<K extends Seen["kind"]>(kind: K): Promise<Extract<Seen, { kind: K }>> {
    while (true) {
      const events: Seen[] = await (await this.fetch(`/events?after=${this.#seen}`)).json();
      const index = events.findIndex((event) => event.kind === kind);
      this.#seen += index < 0 ? events.length : index + 1;
      const event = events[index];
      if (event) return event as Extract<Seen, { kind: K }>;
    }
  }

  /** Waits until every connection it had is over, and passes over what it saw. */
  async settled(): Promise<void> {
    const all: Seen[] = [];
    const open = () =>
      all.reduce((n, { kind }) => n + (kind === "opened" ? 1 : kind === "closed" ? -1 : 0), 0);
    do all.push(...await (await this.fetch(`/events?after=${all.length}`)).json()); while (open() > 0);
    this.#seen = all.length;
  }

  /** Opens a WebSocket to it. */
  open(path = "/echo", protocols: string[] = []): Promise<Peer> {
    return Peer.open(this.url(path).replace(/^http/, "ws"), protocols, this.client);
  }

  /** Opens a control channel to it. */
  async openDataChannel(): Promise<Talker> {
    const client = await connectDataChannel((path, init) => this.fetch(path, init), "/rtc");
    return {
      send: (message) => client.send(message),
      next: () => client.next(),
      ask: (message) => client.ask(message),
      ended: client.closed.then(() => undefined),
      [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
    };
  }

  /** Asks it to stop listening. */
  async askToStop(): Promise<void> {
    const writer = this.child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("stop\n"));
    writer.releaseLock();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // it has ended by itself
    }
    await this.child.stdin.abort().catch(() => {});
    await this.#output.cancel();
    await this.child.status;
    this.client?.close();
  }
}

/** Deno's WebSocket takes more than a browser's, whose type is the one in force here. */
const DenoWebSocket = WebSocket as unknown as new (
  url: string,
  options: { protocols: string[]; client?: Deno.HttpClient },
) => WebSocket;

/** How a WebSocket ended, as its client saw it. */
export interface Ended {
  code: number;
  reason: string;
}

/** A client of either kind. */
export interface Talker extends AsyncDisposable {
  send(message: string | Uint8Array<ArrayBuffer>): void;
  /** The next message. */
  next(): Promise<string | Uint8Array>;
  /** Sends and waits for the answer. */
  ask(message: string | Uint8Array<ArrayBuffer>): Promise<string | Uint8Array>;
  /** How it ended; a data channel does not say. */
  readonly ended: Promise<Ended | undefined>;
}

/** A standard WebSocket with messages to await. */
export class Peer implements Talker {
  readonly #inbox: (string | Uint8Array)[] = [];
  #wake = Promise.withResolvers<void>();
  readonly ended: Promise<Ended>;
  #over = false;

  private constructor(readonly socket: WebSocket) {
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      this.#inbox.push(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
      this.#wake.resolve();
    };
    this.ended = new Promise((resolve) => {
      socket.onclose = ({ code, reason }) => {
        this.#over = true;
        this.#wake.resolve();
        resolve({ code, reason });
      };
    });
  }

  static async open(url: string, protocols: string[], client?: Deno.HttpClient): Promise<Peer> {
    const socket = new DenoWebSocket(url, client ? { protocols, client } : { protocols });
    const peer = new Peer(socket);
    const opened = new Promise<boolean>((resolve) => socket.onopen = () => resolve(true));
    if (await Promise.race([opened, peer.ended])) return peer;
    throw new Error(`no connection to ${url}`);
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    this.socket.send(message);
  }

  /** The next message. */
  async next(): Promise<string | Uint8Array> {
    while (this.#inbox.length === 0) {
      if (this.#over) throw new Error("the connection ended while a message was awaited");
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    return this.#inbox.shift() as string | Uint8Array;
  }

  /** Sends and waits for the answer. */
  ask(message: string | Uint8Array<ArrayBuffer>): Promise<string | Uint8Array> {
    this.send(message);
    return this.next();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) this.socket.close();
    await this.ended;
  }
}

/** Speaks the WebSocket handshake over plain TCP and leaves the rest to the test; returns the answer's head. */
export async function rawHandshake(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ connection: Deno.TcpConn; head: string }> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const all: Record<string, string> = {
    host: "127.0.0.1",
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAECAwQFBgcICQoLDA0ODw==",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  await connection.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\n${lines}\r\n`));
  const buffer = new Uint8Array(4096);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) break;
    head += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return { connection, head };
}

/** One masked frame of a client, with a mask of zeros (RFC 6455 section 5.2). */
export function frame(opcode: number, payload: Uint8Array, announced = payload.byteLength): Uint8Array {
  const head = new DataView(new ArrayBuffer(14));
  head.setUint8(0, 0x80 | opcode);
  head.setUint8(1, 0x80 | 127);
  head.setBigUint64(2, BigInt(announced));
  const bytes = new Uint8Array(14 + payload.byteLength);
  bytes.set(new Uint8Array(head.buffer));
  bytes.set(payload, 14);
  return bytes;
}
