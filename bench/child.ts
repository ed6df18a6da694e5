/**
 * Starts programs on a core of their own and ends them.
 *
 * @module
 */

/** Core that the server under test has. */
export const SERVER_CORE = 0;

/** Core that the load generator has. */
export const LOAD_CORE = 1;

/** Priority of server and generator; below 0 keeps other programs of a busy machine out, and needs root. */
export const PRIORITY = Number(Deno.env.get("BENCH_NICE") ?? "0");

/** Arguments for `nice` that pin a program to a core; both replace themselves by what they start. */
export function pinned(core: number | string, program: string, args: string[]): string[] {
  return ["-n", String(PRIORITY), "taskset", "-c", String(core), program, ...args];
}

/** Runs a program to its end and returns what it printed. */
export async function output(program: string, args: string[], cwd?: string): Promise<string> {
  const { success, code, stdout, stderr } = await new Deno.Command(program, {
    args,
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(
      `${program} ${args[0] ?? ""} ended with code ${code}:\n${decoder.decode(stdout).slice(-500)}${
        decoder.decode(stderr).slice(-2000)
      }`,
    );
  }
  return decoder.decode(stdout);
}

/** A server that runs on its core. */
export class Child {
  readonly #child: Deno.ChildProcess;
  #output = "";
  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    child.status.then(() => this.#ended = true);
    this.#collect(child.stdout);
    this.#collect(child.stderr);
  }

  /** Starts a program; its process id is the child's. */
  static start(
    program: string,
    args: string[],
    { cores = SERVER_CORE, ...options }: {
      cwd?: string;
      env?: Record<string, string>;
      cores?: number | string;
    } = {},
  ): Child {
    return new Child(
      new Deno.Command("nice", {
        args: pinned(cores, program, args),
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        ...options,
      }).spawn(),
    );
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it printed so far. */
  get printed(): string {
    return this.#output;
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) this.#output += new TextDecoder().decode(chunk);
  }

  /** Asks it to end and waits; kills it after five seconds. */
  async stop(): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5_000);
    await this.#child.status;
    clearTimeout(timer);
  }

  /**
   * Waits until `ready` returns something.
   *
   * @throws when that takes longer than `withinMs`, with what the program printed.
   */
  async until<T>(ready: () => Promise<T | undefined>, withinMs = 20_000): Promise<T> {
    const endMs = performance.now() + withinMs;
    while (performance.now() < endMs) {
      const found = await ready();
      if (found !== undefined) return found;
      if (this.#ended) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await this.stop();
    throw new Error(`the server was not ready within ${withinMs} ms:\n${this.#output}`);
  }
}

/** A TCP port that is free now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Whether somebody listens on the port. */
export async function listens(port: number): Promise<true | undefined> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return undefined;
  }
}
