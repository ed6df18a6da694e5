/**
 * A Sparkplug host application for tests: mosquitto's own clients, and a decoder in Python that shares nothing with
 * the gateway.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { DEADLINE_MS } from "../../support/peer.ts";

/** A metric as the decoder found it. */
export interface CaughtMetric {
  name?: string;
  alias?: number;
  timestamp?: number;
  datatype?: number;
  is_historical?: boolean;
  is_null?: boolean;
  /** Member of the payload that the value came in. */
  wire?: string;
  /** Bytes as hexadecimal text. */
  value?: number | string | boolean;
  properties?: {
    keys: string[];
    values: { type: number; string_value?: string; boolean_value?: boolean }[];
  };
}

/** A message as it was caught on the broker. */
export interface Caught {
  topic: string;
  /** Quality of service that it was published with. */
  qos: number;
  retain: boolean;
  timestamp?: number;
  seq?: number;
  metrics: CaughtMetric[];
  /** Why the decoder could not read it. */
  problem?: string;
  /** When it was caught, in milliseconds since 1970. */
  caughtMs: number;
}

const SCRIPT = new URL("./host.py", import.meta.url).pathname;

/** Listens to everything of Sparkplug on a broker. */
export class SparkplugHost {
  readonly caught: Caught[] = [];
  readonly #children: Deno.ChildProcess[] = [];
  #read: Promise<void> = Promise.resolve();
  #changed = Promise.withResolvers<void>();
  #subscribed = 0;

  private constructor(readonly port: number, readonly password: string | undefined) {}

  /** Resolves once the broker has confirmed the subscription. With a password it is the embedded one, of MQTT 3.1.1. */
  static async start(port: number, password?: string): Promise<SparkplugHost> {
    const host = new SparkplugHost(port, password);
    await host.#listen();
    return host;
  }

  async #listen(): Promise<void> {
    const version = this.password === undefined ? ["-V", "5", "--retain-as-published"] : [];
    const login = [...this.#login(), ...version, "-d"];
    const sub = new Deno.Command("stdbuf", {
      args: ["-oL", "mosquitto_sub", ...login, "-q", "2", "-t", "spBv1.0/#", "-F", "%t %q %r %x"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const decoder = new Deno.Command("/usr/bin/python3", {
      args: ["-B", SCRIPT, "decode"],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#children.push(sub, decoder);
    const piped = sub.stdout.pipeTo(decoder.stdin).catch(() => {});
    this.#read = Promise.all([piped, this.#readLines(decoder)]).then(() => {});
    await this.#wait(() => this.#subscribed > 0 ? true : undefined, "the broker's confirmation");
  }

  async #readLines(decoder: Deno.ChildProcess): Promise<void> {
    let rest = "";
    const text = new TextDecoder();
    for await (const chunk of decoder.stdout) {
      const lines = (rest + text.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const message = JSON.parse(line) as Caught & { subscribed?: boolean };
        if (message.subscribed) this.#subscribed++;
        else this.caught.push({ ...message, metrics: message.metrics ?? [], caughtMs: Date.now() });
      }
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
  }

  /** Waits for a message behind the first `after`. */
  async until(wanted: (message: Caught) => boolean, what: string, after = 0): Promise<Caught> {
    return await this.#wait(() => this.caught.slice(after).find(wanted), what);
  }

  async #wait<T>(look: () => T | undefined, what: string): Promise<T> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#changed.resolve();
    }, DEADLINE_MS);
    try {
      for (;;) {
        const found = look();
        if (found !== undefined) return found;
        if (late) {
          const last = this.caught.slice(-20).map((message) => JSON.stringify(message)).join("\n");
          throw new Error(`no ${what}; the last messages:\n${last}`);
        }
        await this.#changed.promise;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Messages of a verb, such as `DDATA`. */
  of(verb: string): Caught[] {
    return this.caught.filter((message) => verbOf(message) === verb);
  }

  /** Says whether the host is there, as hosts do: retained, QoS 1. */
  async state(id: string, online: boolean, timestamp: number): Promise<void> {
    await this.#pub(
      ["-t", `spBv1.0/STATE/${id}`, "-q", "1", "-r"],
      new TextEncoder().encode(JSON.stringify({ online, timestamp })),
    );
  }

  /** Sends a command, as hosts do: QoS 0, not retained. */
  async command(topic: string, ...metrics: Record<string, unknown>[]): Promise<void> {
    const encoded = await new Deno.Command("sh", {
      args: [
        "-c",
        `printf '%s' "$1" | /usr/bin/python3 -B "$2" encode`,
        "sh",
        JSON.stringify({ timestamp: Date.now(), metrics }),
        SCRIPT,
      ],
    }).output();
    assertEquals(encoded.code, 0, new TextDecoder().decode(encoded.stderr));
    await this.#pub(["-t", topic], encoded.stdout);
  }

  #login(): string[] {
    const { port, password } = this;
    return [
      "-h",
      "127.0.0.1",
      "-p",
      String(port),
      ...(password === undefined ? [] : ["-u", "host", "-P", password]),
    ];
  }

  async #pub(args: string[], payload: Uint8Array): Promise<void> {
    const child = new Deno.Command("mosquitto_pub", {
      args: [...this.#login(), ...args, "-s"],
      stdin: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(payload);
    await writer.close();
    assertEquals((await child.status).code, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended already.
      }
      await child.status;
    }
    await this.#read.catch(() => {});
  }
}

/** Verb of a message. */
export function verbOf({ topic }: Caught): string {
  const [, second, third] = topic.split("/");
  return second === "STATE" ? "STATE" : third ?? "";
}

/** Value of a message's metric by name. */
export function metric({ metrics }: Caught, name: string): CaughtMetric | undefined {
  return metrics.find((one) => one.name === name);
}
