/**
 * Mosquitto's own programs as independent clients and brokers.
 *
 * @module
 */
import { DEADLINE_MS } from "../support/peer.ts";
import { freePort } from "./free_port.ts";

/** Connects as a user. */
export interface MosquittoLogin {
  port: number;
  user?: string;
  password?: string;
  /** Further arguments, such as `-q 1` or `--cafile`. */
  args?: string[];
}

function loginArgs({ port, user, password, args = [] }: MosquittoLogin): string[] {
  return [
    "-h",
    "127.0.0.1",
    "-p",
    String(port),
    ...(user === undefined ? [] : ["-u", user]),
    ...(password === undefined ? [] : ["-P", password]),
    ...args,
  ];
}

/** Publishes one message with mosquitto_pub, or each of several lines; returns its exit code and what it said. */
export async function mosquittoPub(
  login: MosquittoLogin,
  topic: string,
  message: string | { lines: string },
): Promise<{ code: number; said: string }> {
  const child = new Deno.Command("mosquitto_pub", {
    args: [...loginArgs(login), "-t", topic, ...(typeof message === "string" ? ["-m", message] : ["-l"])],
    stdin: typeof message === "string" ? "null" : "piped",
    stderr: "piped",
    stdout: "null",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).spawn();
  if (typeof message !== "string") {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(message.lines));
    await writer.close();
  }
  const { code, stderr } = await child.output();
  return { code, said: new TextDecoder().decode(stderr) };
}

/** A running mosquitto_sub, line by line. */
export class MosquittoSub {
  readonly lines: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #read: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #ended = false;
  #errors = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#read = Promise.all([this.#readLines(), this.#readErrors()]).then(() => {
      this.#ended = true;
      this.#changed.resolve();
    });
  }

  /** Subscribes to `filters`; resolves once the broker has confirmed. Lines are `topic payload`. */
  static async start(login: MosquittoLogin, ...filters: string[]): Promise<MosquittoSub> {
    const child = new Deno.Command("stdbuf", {
      args: [
        "-oL",
        "mosquitto_sub",
        ...loginArgs(login),
        ...filters.flatMap((filter) => ["-t", filter]),
        "-v",
        "-d",
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const sub = new MosquittoSub(child);
    await sub.until((line) => line.startsWith("Subscribed (mid:"));
    return sub;
  }

  /** Waits for a line, counted from the first one on. */
  async until(wanted: (line: string) => boolean, withinMs = DEADLINE_MS): Promise<string> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#changed.resolve();
    }, withinMs);
    let looked = 0;
    try {
      for (;;) {
        for (; looked < this.lines.length; looked++) {
          if (wanted(this.lines[looked]!)) return this.lines[looked]!;
        }
        if (late || this.#ended) {
          const last = this.lines.slice(-20).join("\n");
          throw new Error(
            `mosquitto_sub did not print what was awaited; its last lines:\n${last}\n${this.#errors}`,
          );
        }
        await this.#changed.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Payloads of a topic, in order. */
  payloads(topic: string): string[] {
    return this.lines.filter((line) => line.startsWith(`${topic} `)).map((line) =>
      line.slice(topic.length + 1)
    );
  }

  async #readLines(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      this.lines.push(...lines.filter((line) => !/^Client .* (?:received|sending) /.test(line)));
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }

  async #readErrors(): Promise<void> {
    for await (const chunk of this.#child.stderr) this.#errors += new TextDecoder().decode(chunk);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#read;
  }
}

/** Configuration of a broker that keeps what it has acknowledged when it is stopped. */
export const DURABLE = [
  "allow_anonymous true",
  "persistence true",
  "persistence_location {dir}/",
  "max_queued_messages 0",
];

/** A mosquitto broker of a test's own. */
export class MosquittoBroker {
  #child: Deno.ChildProcess;
  #output = "";

  private constructor(readonly port: number, readonly folder: string, child: Deno.ChildProcess) {
    this.#child = child;
  }

  /** Starts one; `config` holds further lines of its configuration, `{dir}` in them its folder. */
  static async start(
    config: string[] = ["allow_anonymous true"],
    port = freePort(),
  ): Promise<MosquittoBroker> {
    const folder = await Deno.makeTempDir({ prefix: "tidegate-mosquitto-" });
    const lines = [`listener ${port} 127.0.0.1`, "user root", ...config];
    await Deno.writeTextFile(`${folder}/mosquitto.conf`, lines.join("\n").replaceAll("{dir}", folder) + "\n");
    const broker = new MosquittoBroker(port, folder, spawnBroker(folder));
    await broker.#listening();
    return broker;
  }

  /** What it has logged since it was started. */
  get log(): string {
    return this.#output;
  }

  /** Kills it as a power cut does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  /** Stops it in good order: what it has acknowledged is on its disk, where `persistence` is on. */
  async stop(): Promise<void> {
    // A signal that comes right after the start is at times swallowed by mosquitto 2.0.
    const child = this.#child;
    const again = setInterval(() => {
      try {
        child.kill("SIGTERM");
      } catch {
        // It has ended by now.
      }
    }, 500);
    child.kill("SIGTERM");
    await child.status;
    clearInterval(again);
  }

  /** Starts it again on the same port. */
  async restart(): Promise<void> {
    this.#child = spawnBroker(this.folder);
    await this.#listening();
  }

  /** Stops or continues the process: the port answers, the broker does not. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  async #listening(): Promise<void> {
    const started = Promise.withResolvers<void>();
    const child = this.#child;
    (async () => {
      this.#output = "";
      for await (const chunk of child.stderr) {
        this.#output += new TextDecoder().decode(chunk);
        if (/version [\d.]+ running/.test(this.#output)) started.resolve();
      }
      started.reject(new Error(`mosquitto ended:\n${this.#output}`));
    })().catch(() => {});
    await started.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await Deno.remove(this.folder, { recursive: true });
  }
}

function spawnBroker(folder: string): Deno.ChildProcess {
  return new Deno.Command("mosquitto", {
    args: ["-c", `${folder}/mosquitto.conf`, "-v"],
    env: { PATH: `${Deno.env.get("PATH")}:/usr/sbin` },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}
