/**
 * The project as somebody has it who has just cloned it, and its tasks as they are started there.
 *
 * @module
 */
import { cleanEnvironment } from "./forms.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What a fresh clone does not have, nor anything whose name begins with a dot. */
const MADE_HERE: ReadonlySet<string> = new Set(["node_modules", "dist", "data"]);

/** Longest that a task may take to end once it is told to, in milliseconds; the gateway itself gives up after five seconds. */
const STOP_WITHIN_MS = 60_000;

/** A copy of the project without anything that was built or recorded; removed with all that came into it. */
export class ProjectCopy implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(): Promise<ProjectCopy> {
    const path = await Deno.makeTempDir({ prefix: "tidegate-clone-" });
    const entries = [...Deno.readDirSync(ROOT)].map(({ name }) => name)
      .filter((name) => !name.startsWith(".") && !MADE_HERE.has(name));
    const { success } = await new Deno.Command("cp", {
      args: ["-R", "--", ...entries.map((name) => ROOT + name), path],
    }).output();
    if (!success) throw new Error(`the project could not be copied to ${path}`);
    await Deno.remove(`${path}/web/dist`, { recursive: true }).catch(() => {}); // not built there yet
    return new ProjectCopy(path);
  }

  /** Runs a task of the copy's manifest to its end. */
  async task(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const { code, stdout, stderr } = await this.#command(args).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** Starts a task that goes on until it is told to stop. */
  start(...args: string[]): RunningTask {
    return new RunningTask(this.#command(args).spawn(), this.path);
  }

  #command(args: string[]): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", ...args],
      cwd: this.path,
      env: cleanEnvironment(Deno.env.get("PATH") ?? "/usr/bin:/bin"),
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A task that runs. */
class RunningTask implements AsyncDisposable {
  #said = "";
  #changed = Promise.withResolvers<void>();
  #ended = false;
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;
  readonly #read: Promise<unknown>;

  constructor(child: Deno.ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    this.#read = Promise.all([child.stdout, child.stderr].map((stream) => this.#collect(stream)))
      .then(() => this.#tell(this.#ended = true));
  }

  /** All that it said so far. */
  get said(): string {
    return this.#said;
  }

  /** Waits until it has said something of this form. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#said);
      if (found) return found;
      if (this.#ended) throw new Error(`it ended without saying ${pattern}; it said:\n${this.#said}`);
      await this.#changed.promise;
    }
  }

  /** Sends SIGTERM; the exit code, or undefined when it does not end. */
  async stop(): Promise<number | undefined> {
    this.#child.kill("SIGTERM");
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(resolve, STOP_WITHIN_MS);
    const status = await Promise.race([this.#child.status, late]);
    clearTimeout(timer);
    return status?.code;
  }

  /** Ends what still runs: the gateway, which is the task's child, and with it the task. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended && await this.stop() === undefined) {
      const { pid }: { pid: number } = JSON.parse(await Deno.readTextFile(`${this.#folder}/data/run.json`));
      Deno.kill(pid, "SIGKILL");
    }
    await this.#child.status;
    await this.#read;
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#tell(this.#said += decoder.decode(chunk, { stream: true }));
  }

  #tell(_changed: unknown): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
