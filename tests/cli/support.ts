/**
 * A terminal and a gateway that exist in the test only.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Io } from "../../cli/io.ts";
import { run } from "../../cli/mod.ts";
import type { CliRuntime, GatewaySettings, LocalApi, Parts, StartedGateway } from "../../cli/parts.ts";

/** What a command printed. */
export interface Printed {
  code: number;
  out: string[];
  err: string[];
  status: string[];
}

/** An Io that remembers. */
export class FakeIo implements Io {
  readonly outLines: string[] = [];
  readonly errLines: string[] = [];
  readonly statusLines: string[] = [];
  readonly interactive = false;
  readonly columns = 100;
  /** Called with each line of stdout, so that a test can wait for one. */
  onOut: (line: string) => void = () => {};

  constructor(readonly env: Record<string, string | undefined> = {}) {}

  out(text: string): void {
    this.outLines.push(text);
    this.onOut(text);
  }

  err(text: string): void {
    this.errLines.push(text);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  status(text: string): void {
    this.statusLines.push(text);
  }
}

/** A runtime whose signals the test sends. */
export class FakeRuntime implements CliRuntime {
  readonly name = "deno";
  readonly version = "0.0.0";
  readonly exits: number[] = [];
  #stops = new Set<(signal: string) => void>();

  signal(name: string): void {
    for (const stop of [...this.#stops]) stop(name);
  }

  onStopSignal(stop: (signal: string) => void): () => void {
    this.#stops.add(stop);
    return () => void this.#stops.delete(stop);
  }

  exit(code: number): never {
    this.exits.push(code);
    throw new Error(`exit ${code}`);
  }

  webSocketClient(): Promise<typeof WebSocket> {
    return Promise.resolve(WebSocket);
  }
}

/** A request that the fake gateway got. */
export interface Seen {
  method: string;
  path: string;
  body: unknown;
}

/** Answers a request: a status and a body. */
export type Answer = (seen: Seen) => [number, unknown];

/** Parts over `answer`; what they were asked is on record. */
export class FakeParts implements Parts {
  readonly seen: Seen[] = [];
  readonly started: GatewaySettings[] = [];
  closed = 0;
  gateway: () => Promise<StartedGateway> = () => Promise.reject(new Error("this test starts no gateway"));

  constructor(readonly answer: Answer = () => [404, { title: "nothing here" }]) {}

  startGateway(settings: GatewaySettings): Promise<StartedGateway> {
    this.started.push(settings);
    return this.gateway();
  }

  openLocalApi(): Promise<LocalApi> {
    return Promise.resolve({
      request: (path, init) => Promise.resolve(this.respond(path, init)),
      close: () => {
        this.closed++;
        return Promise.resolve();
      },
    });
  }

  openVerifyWorld(): ReturnType<Parts["openVerifyWorld"]> {
    return Promise.reject(new Error("this test verifies no bridge"));
  }

  /** Answers as the gateway's HTTP interface. */
  respond(path: string, init: RequestInit = {}): Response {
    const body = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const seen = { method: init.method ?? "GET", path, body };
    this.seen.push(seen);
    const [status, content] = this.answer(seen);
    return new Response(status === 204 ? null : JSON.stringify(content), { status });
  }
}

/** Runs the program. */
export async function tidegate(
  args: readonly string[],
  options: { parts?: Parts; env?: Record<string, string>; runtime?: FakeRuntime; io?: FakeIo } = {},
): Promise<Printed> {
  const io = options.io ?? new FakeIo(options.env);
  const code = await run(options.runtime ?? new FakeRuntime(), args, options.parts ?? new FakeParts(), io);
  return { code, out: io.outLines, err: io.errLines, status: io.statusLines };
}

/** A folder that goes away again. */
export async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tidegate-cli-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
