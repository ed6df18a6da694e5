/**
 * A program on one side of a network that is talked to by lines.
 *
 * @module
 */
import type { Side } from "./network.ts";

/** A running program. */
export class SideProgram implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #text = "";
  #changed = Promise.withResolvers<void>();
  readonly #read: Promise<void>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#read = this.#collect();
  }

  /** Starts it; what it says on standard error is shown. */
  static start(side: Side, program: string, args: readonly string[]): SideProgram {
    const command = side.command(program, args);
    const child = new Deno.Command(command.program, {
      args: command.args,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    return new SideProgram(child);
  }

  /** Starts one of this project's programs on Deno. */
  static ours(side: Side, module: URL, args: readonly string[]): SideProgram {
    return SideProgram.start(side, Deno.execPath(), ["run", "-A", "--no-check", module.pathname, ...args]);
  }

  /** Lines so far. */
  get lines(): string[] {
    return this.#text.split("\n").slice(0, -1);
  }

  /** Waits until it has printed a line that `found` is content with, looking from line `from` on; returns the number of the line behind it. */
  async until(found: (line: string) => boolean, from = 0): Promise<number> {
    for (;;) {
      const { promise } = this.#changed;
      const at = this.lines.findIndex((line, i) => i >= from && found(line));
      if (at >= 0) return at + 1;
      const ended = await Promise.race([promise.then(() => false), this.#read.then(() => true)]);
      if (ended) throw new Error(`it ended without the line that was awaited; it said:\n${this.#text}`);
    }
  }

  /** Writes a line to its standard input. */
  async say(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends its standard input and waits for its end; returns its last line. */
  async end(): Promise<string> {
    await this.#writer.close();
    await this.#read;
    const { code } = await this.#child.status;
    if (code !== 0) throw new Error(`it ended with code ${code}; it said:\n${this.#text}`);
    return this.lines.at(-1) ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it has ended by itself
    }
    await this.#child.status;
    await this.#read;
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.#text += decoder.decode(bytes, { stream: true });
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }
}
