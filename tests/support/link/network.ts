/**
 * Networks of our own for tests and measurements: namespaces joined by a link that delays, jitters, drops, limits
 * the rate, and can be cut. Nothing outside the namespaces is touched, and they vanish with their last program.
 *
 * @example
 * ```ts
 * await using network = await Network.start(["gateway", "client"], { delayMs: 25, loss: 0.02 });
 * const form = network.side("gateway").form(shippedForms()[0]!);
 * await network.set({ cut: true });
 * ```
 *
 * @module
 */
import type { Form } from "../forms.ts";
import { writeScript } from "../program_file.ts";

/** What the link does to each packet, in each direction. What is left out stays as it is; at the start nothing happens. */
export interface LinkProfile {
  /** One way, in milliseconds. */
  delayMs?: number;
  /** The delay varies evenly by this much to either side; packets keep their order. */
  jitterMs?: number;
  /** Share of packets that are dropped, 0 to 1. */
  loss?: number;
  /** 0 is no limit. */
  bitsPerSecond?: number;
  /** What may wait for the rate limit before more is dropped. Default 65,536. */
  bufferBytes?: number;
  /** Nothing arrives, what is under way included. */
  cut?: boolean;
}

/** Packets so far, over all directions. */
export interface LinkCounts {
  forwarded: number;
  bytes: number;
  /** Dropped at random. */
  lost: number;
  /** Dropped since too much waited for the rate limit. */
  overflowed: number;
  /** Dropped by the cut. */
  cut: number;
  /** By how much the worst packet since the last question came later than it should, in milliseconds: the machine was busy. */
  late: number;
  /** For how long packets stood before the rate limit since the last question, in milliseconds, in the fuller direction. */
  queueP50: number;
  queueP99: number;
  /** Share of the rate that was used there since. */
  used: number;
}

const PYTHON = "/usr/bin/python3";
const NSENTER = "/usr/bin/nsenter";
const PROGRAM = new URL("./link.py", import.meta.url).pathname;

/** The network device of each side. */
const DEVICE = "link0";

/** A network that is not ended by its test ends itself after this long, in seconds. */
const LIFETIME_S = 600;

/** Why no network can be made here; undefined when it can. */
export async function networkProblem(): Promise<string | undefined> {
  try {
    await using _network = await Network.start(["probe"]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** One side of the network: a namespace with one address. */
export class Side {
  constructor(readonly name: string, readonly address: string, readonly namespace: string) {}

  /** Program and arguments that run a program on this side; the process id is the program's. */
  command(program: string, args: readonly string[] = []): { program: string; args: string[] } {
    return { program: NSENTER, args: [`--net=${this.namespace}`, program, ...args] };
  }

  /** Runs a program on this side to its end and returns what it printed. */
  async run(program: string, args: readonly string[], options: { input?: string } = {}): Promise<string> {
    const command = this.command(program, args);
    const child = new Deno.Command(command.program, {
      args: command.args,
      stdin: options.input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (options.input !== undefined) {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(options.input));
      await writer.close();
    }
    const { code, stdout, stderr } = await child.output();
    const [text, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    if (code !== 0) throw new Error(`${program} ended with code ${code}: ${errors}`);
    return text!;
  }

  /** A form of the gateway that runs on this side. */
  form(form: Form): Form {
    return {
      name: form.name,
      command: async () => {
        const { program, args, cwd, env } = await form.command();
        return { ...this.command(program, args), cwd, env };
      },
    };
  }

  /** Writes a script that runs `program` on this side, for those who take a path alone. */
  async script(program: string): Promise<string> {
    // A program in a session of its own would lose the priority that its starter has among others.
    const keep = 'read -r group </proc/$PPID/autogroup && echo "${group##* }" >/proc/self/autogroup';
    const start = `exec ${NSENTER} --net=${this.namespace} ${program} "$@"`;
    return await writeScript("tidegate-side-", `#!/bin/sh\n(${keep}) 2>/dev/null\n${start}\n`);
  }

  /** Gives it another address in place of its own, as a machine that moves to another network gets one. */
  async readdress(address: string): Promise<void> {
    await this.run("ip", ["-batch", "-"], {
      input: `address flush dev ${DEVICE}\naddress add ${address}/24 dev ${DEVICE}\n`,
    });
  }

  /** Drops incoming UDP here, except from one address, or lets it in again. */
  async blockUdp(blocked: boolean, except?: string): Promise<void> {
    const rule = `${except === undefined ? "" : `ip saddr != ${except} `}meta l4proto udp drop`;
    const table = `table ip block { chain in { type filter hook input priority 0; ${rule}; }; }`;
    await this.run("nft", ["-f", "-"], {
      input: `table ip block\ndelete table ip block\n${blocked ? table : ""}\n`,
    });
  }
}

/** A running network. */
export class Network implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #sides = new Map<string, Side>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#lines = linesOf(child.stdout);
    this.#writer = child.stdin.getWriter();
  }

  /**
   * Makes a namespace for each name, with the addresses 10.77.0.1, 10.77.0.2 and so on.
   *
   * @throws with the reason where namespaces or TUN devices are not to be had.
   */
  static async start(
    names: readonly string[],
    profile: LinkProfile = {},
    options: { lifetimeS?: number } = {},
  ): Promise<Network> {
    const child = new Deno.Command(PYTHON, {
      args: ["-B", PROGRAM, "--lifetime", `${options.lifetimeS ?? LIFETIME_S}`, ...names],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const network = new Network(child);
    const found = await network.#answer<{
      problem?: string;
      sides?: Record<string, { address: string; namespace: string }>;
    }>();
    if (!found.sides) {
      await network[Symbol.asyncDispose]();
      throw new Error(`no network can be made: ${found.problem}`);
    }
    for (const [name, { address, namespace }] of Object.entries(found.sides)) {
      network.#sides.set(name, new Side(name, address, namespace));
    }
    await network.set(profile);
    return network;
  }

  /** The side of this name. */
  side(name: string): Side {
    const side = this.#sides.get(name);
    if (!side) {
      throw new Error(`the network has no side "${name}", only ${[...this.#sides.keys()].join(", ")}`);
    }
    return side;
  }

  /** Changes the link; returns once the change holds. */
  set(profile: LinkProfile): Promise<LinkCounts> {
    const turn = this.#turn.then(async () => {
      await this.#writer.write(new TextEncoder().encode(`${JSON.stringify({ set: profile })}\n`));
      return await this.#answer<LinkCounts>();
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** What it has done so far. */
  counts(): Promise<LinkCounts> {
    return this.set({});
  }

  /** Ends the link. Programs that still run on a side keep it, without a link, until they end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#child.status;
    while (!(await this.#lines.next()).done); // the stream ends with it
  }

  async #answer<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the link program has ended; its reason is above");
    return JSON.parse(value);
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  return undefined;
}
