/**
 * Starts the gateway as users do, as a program of its own, and ends it in every way a program can end.
 *
 * @module
 */
import { cpuSeconds } from "../../bench/proc.ts";
import type { Form } from "./forms.ts";
import { DEADLINE_MS, type Target } from "./peer.ts";

/** Deadline for the gateway to listen; a first start of an executable reads 100 MB from a cold disk. */
const START_WITHIN_MS = 120_000;

/**
 * Deadline for the gateway to end after SIGTERM. It gives itself five seconds and ends with an error when it needs
 * more; the rest is for a machine on which a signal takes its time.
 */
const STOP_WITHIN_MS = 60_000;

/** Longest wait for what must come to hold on any machine, and how often to look, in milliseconds. */
const HOLDS_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** What the gateway writes into its data folder while it runs. */
interface RunFile {
  url: string;
  token: string;
  pid: number;
  /** PEM, where the gateway signed its own. */
  certificate?: string;
  mqttUrl?: string;
}

/** How to start. */
export interface StartOptions {
  /** Default a new folder, removed at the end. */
  data?: string;
  /** Arguments behind `serve --listen 127.0.0.1:0 --data DIR --mqtt-listen 127.0.0.1:0`; a later one wins. */
  args?: string[];
  env?: Record<string, string>;
}

/** Output of a program, kept for failure messages and searched for lines. */
class Output {
  text = "";
  #changed = Promise.withResolvers<void>();
  readonly done: Promise<void>;

  constructor(...streams: ReadableStream<Uint8Array>[]) {
    this.done = Promise.all(streams.map((stream) => this.#collect(stream))).then(() => {});
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      this.#tell();
    }
    this.#tell();
  }

  /** A new promise each time: one that stays resolved would make whoever waits for the next change spin. */
  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  changed(): Promise<void> {
    return this.#changed.promise;
  }
}

/** The gateway did not start: its output, and the code it exited with. */
export class StartFailed extends Error {
  override readonly name = "StartFailed";
  constructor(readonly code: number | undefined, readonly output: string) {
    super(`the gateway did not start (${code === undefined ? "no exit" : `exit code ${code}`}):\n${output}`);
  }
}

async function withDeadline<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command of the gateway, such as `device add`, to its end. */
export async function runCommand(
  form: Form,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = await form.command();
  const { code, stdout, stderr } = await new Deno.Command(command.program, {
    args: [...command.args, ...args],
    cwd: command.cwd,
    env: { ...command.env, ...env },
    clearEnv: true,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A gateway that runs as a child process. */
export class GatewayProcess implements Target {
  /** Address as `http://host:port` or `https://host:port`. */
  readonly url: string;
  /** An operator's token. */
  readonly token: string;
  /** PEM of the certificate to trust, with `--tls auto`. */
  readonly certificate: string | undefined;
  /** Port of the embedded MQTT broker; 0 without one. */
  readonly mqttPort: number;
  readonly #child: Deno.ChildProcess;
  readonly #output: Output;
  readonly #ownsData: boolean;
  #running = true;

  private constructor(
    readonly form: Form,
    readonly data: string,
    child: Deno.ChildProcess,
    output: Output,
    file: RunFile,
    ownsData: boolean,
  ) {
    this.url = file.url.replace(/\/$/, "");
    this.token = file.token;
    this.certificate = file.certificate;
    this.mqttPort = file.mqttUrl === undefined ? 0 : Number(new URL(file.mqttUrl).port);
    this.#child = child;
    this.#output = output;
    this.#ownsData = ownsData;
    child.status.then(() => this.#running = false);
  }

  /**
   * Starts a gateway and waits until it listens.
   *
   * @throws {StartFailed} when it exits instead, or says nothing in time.
   */
  static async start(form: Form, options: StartOptions = {}): Promise<GatewayProcess> {
    const data = options.data ?? await Deno.makeTempDir({ prefix: "tidegate-data-" });
    const { program, args, cwd, env } = await form.command();
    const child = new Deno.Command(program, {
      args: [
        ...args,
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        data,
        "--mqtt-listen",
        "127.0.0.1:0",
        ...options.args ?? [],
      ],
      cwd,
      env: { ...env, ...options.env },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = new Output(child.stdout, child.stderr);
    const file = await withDeadline(listening(child, output, data), START_WITHIN_MS);
    if (!file) {
      child.kill("SIGKILL");
      await child.status;
      throw new StartFailed(undefined, output.text);
    }
    return new GatewayProcess(form, data, child, output, file, options.data === undefined);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The last that it printed, as far as it is here. */
  diagnosis(): string {
    return this.#output.text.slice(-4000);
  }

  /**
   * Waits until it has printed something of this form, and returns that. What it prints comes by a way of its own: it
   * may be here later than an answer that was given after it.
   */
  async says(pattern: RegExp): Promise<string> {
    const found = await withDeadline(this.#saying(pattern), DEADLINE_MS);
    if (found !== undefined) return found;
    throw new Error(`${DEADLINE_MS} ms passed without it saying ${pattern}:\n${this.diagnosis()}`);
  }

  async #saying(pattern: RegExp): Promise<string> {
    for (;;) {
      const ended = !this.#running;
      if (ended) await this.#output.done;
      const found = pattern.exec(this.#output.text)?.[0];
      if (found !== undefined) return found;
      if (ended) throw new Error(`it ended without saying ${pattern}:\n${this.diagnosis()}`);
      await Promise.race([this.#output.changed(), this.#child.status]);
    }
  }

  /** Resident memory in bytes. */
  async memoryBytes(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Open file descriptors, sockets among them. */
  openFiles(): number {
    return [...Deno.readDirSync(`/proc/${this.pid}/fd`)].length;
  }

  /** Ports of its open UDP sockets, one entry for each socket. */
  udpPorts(): number[] {
    const own = new Set(
      [...Deno.readDirSync(`/proc/${this.pid}/fd`)].map(({ name }) => linkOf(`/proc/${this.pid}/fd/${name}`)),
    );
    return ["udp", "udp6"].flatMap((family) => {
      const [, ...rows] = Deno.readTextFileSync(`/proc/${this.pid}/net/${family}`).trim().split("\n");
      return rows.map((row) => row.trim().split(/\s+/)).filter((row) => own.has(`socket:[${row[9]}]`))
        .map((row) => parseInt(row[1]!.split(":")[1]!, 16));
    });
  }

  /**
   * Looks again and again until something holds that the gateway tells nobody, such as what it has open.
   *
   * @param what What is awaited, for the failure message.
   */
  async until(holds: () => boolean, what: string): Promise<void> {
    const byMs = performance.now() + HOLDS_WITHIN_MS;
    while (!holds()) {
      if (performance.now() > byMs) throw new Error(`${HOLDS_WITHIN_MS} ms passed without ${what}`);
      await new Promise((next) => setTimeout(next, LOOK_EVERY_MS));
    }
  }

  /** CPU time that it has used, in seconds. */
  cpuSeconds(): number {
    return cpuSeconds(this.pid);
  }

  /**
   * Asks it to stop.
   *
   * @throws when it does not exit with 0.
   */
  async stop(): Promise<void> {
    if (!this.#running) throw new Error(`the gateway is not running any more:\n${this.diagnosis()}`);
    this.#child.kill("SIGTERM");
    const status = await withDeadline(this.#child.status, STOP_WITHIN_MS);
    if (!status) {
      await this.kill();
      throw new Error(`SIGTERM did not end the gateway within ${STOP_WITHIN_MS} ms:\n${this.diagnosis()}`);
    }
    await this.#output.done;
    if (status.code !== 0) {
      throw new Error(`SIGTERM ended the gateway with ${status.signal ?? status.code}:\n${this.diagnosis()}`);
    }
  }

  /** Ends it without warning, as the kernel or a power cut does. */
  async kill(): Promise<void> {
    if (this.#running) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#output.done;
  }

  /** Starts the same form again on the same data. */
  async restart(options: Omit<StartOptions, "data"> = {}): Promise<GatewayProcess> {
    return await GatewayProcess.start(this.form, { ...options, data: this.data });
  }

  /** Kills what still runs and removes the data that the test did not bring. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#ownsData) await Deno.remove(this.data, { recursive: true }).catch(() => {});
  }
}

/** Waits for the line that names the address; the run file is written before it. */
async function listening(child: Deno.ChildProcess, output: Output, data: string): Promise<RunFile> {
  for (;;) {
    const changed = output.changed(); // asked for first: more may come while the file is read
    if (/https?:\/\/[^\s/]+:\d+/.test(output.text)) {
      const file = await readRunFile(data, child.pid);
      if (file) return file;
    }
    const status = await Promise.race([child.status, changed.then(() => undefined)]);
    if (status) {
      await output.done;
      throw new StartFailed(status.code, output.text);
    }
  }
}

/** Where a link of /proc leads; one that is gone by now leads nowhere. */
function linkOf(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return "";
  }
}

async function readRunFile(data: string, pid: number): Promise<RunFile | undefined> {
  try {
    const file: RunFile = JSON.parse(await Deno.readTextFile(`${data}/run.json`));
    // One of a gateway that was killed is left over.
    return file.pid === pid ? file : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
