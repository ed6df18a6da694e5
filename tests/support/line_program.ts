/**
 * A program that is talked to by lines.
 *
 * @module
 */
/** A running program. */
export class LineProgram implements AsyncDisposable {
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
  static start(program: string, args: readonly string[]): LineProgram {
    const child = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    return new LineProgram(child);
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
