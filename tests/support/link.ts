/**
 * Two network namespaces joined by a link whose delay, jitter, loss and rate a test or benchmark changes while it
 * runs. Needs root, iproute2 and python3.
 *
 * @module
 */

/** Settings of the link; what is left out stays as it is. */
export interface LinkSettings {
  /** One way. */
  delayMs?: number;
  /** Up to so much earlier or later. */
  jitterMs?: number;
  /** From 0 to 1. */
  loss?: number;
  /** 0: no limit. */
  bitsPerSecond?: number;
  /** Nothing passes. */
  cut?: boolean;
  /** false: no UDP passes. */
  udp?: boolean;
}

/** Addresses of the two ends. */
export const NEAR = "10.77.0.1";
export const FAR = "10.77.0.2";

/** A running link. */
export class Link implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";

  private constructor(readonly near: string, readonly far: string, child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Makes the namespaces and the link between them. */
  static async start(): Promise<Link> {
    const name = `tg${Deno.pid}`;
    const child = new Deno.Command("/usr/bin/python3", {
      args: [new URL("link.py", import.meta.url).pathname, `${name}a`, `${name}b`],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const link = new Link(`${name}a`, `${name}b`, child);
    await link.#line();
    return link;
  }

  /** Whether this machine can make links. */
  static get possible(): boolean {
    try {
      Deno.statSync("/dev/net/tun");
      return Deno.uid() === 0;
    } catch {
      return false;
    }
  }

  /** Changes the link; resolves once it has changed. */
  async set(settings: LinkSettings): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(settings)}\n`));
    await this.#line();
  }

  /** Program and arguments that run a command in the namespace at one end. */
  inside(end: "near" | "far", program: string, args: readonly string[]): { program: string; args: string[] } {
    return {
      program: "ip",
      args: ["netns", "exec", end === "near" ? this.near : this.far, program, ...args],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#lines.cancel();
    await this.#child.status;
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#lines.read();
      if (done) {
        throw new Error("the link has ended; does this machine allow network namespaces and TUN devices?");
      }
      this.#rest += value;
    }
  }
}
