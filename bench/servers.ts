/**
 * The servers that are compared: how each is started, in which version and with which settings.
 *
 * @module
 */
import { aedes } from "./aedes.ts";
import { Child, freePort, listens, output } from "./child.ts";
import type { ServerAddress } from "./load/job.ts";
import { signalk } from "./signalk.ts";

/** A server that runs. */
export interface Running {
  address: ServerAddress;
  stop(): Promise<void>;
}

/** One column of the comparison. */
export interface Server {
  /** Short name, as the table shows it. */
  readonly name: string;
  readonly ours: boolean;
  /** Version and what matters of its settings; throws where it cannot be had. */
  describe(): Promise<string>;
  start(): Promise<Running>;
}

const ROOT = new URL("../", import.meta.url).pathname;

/** What the gateway runs with in a measurement; everything else is its default: recording on, tokens checked. */
const GATEWAY_ARGS = ["serve", "--listen", "127.0.0.1:0", "--log-level", "warning"];

/** Starts a gateway; `data` stays when given, else it is removed at the end. */
export async function startGateway(
  program: string,
  args: string[],
  options: { data?: string; more?: string[]; cores?: string } = {},
): Promise<Running> {
  const data = options.data ?? await Deno.makeTempDir({ prefix: "tidegate-bench-" });
  const all = [...args, ...GATEWAY_ARGS, "--data", data, ...options.more ?? []];
  const child = Child.start(program, all, options.cores === undefined ? {} : { cores: options.cores });
  const file = await child.until(async () => {
    try {
      const found: { url: string; token: string; pid: number; mqttUrl?: string } = JSON.parse(
        await Deno.readTextFile(`${data}/run.json`),
      );
      return found.pid === child.pid ? found : undefined;
    } catch {
      return undefined;
    }
  });
  const port = Number(new URL(file.url).port);
  return {
    address: {
      protocol: "tidegate",
      host: "127.0.0.1",
      port,
      token: file.token,
      pid: child.pid,
      ...(file.mqttUrl === undefined ? {} : { mqttPort: Number(new URL(file.mqttUrl).port) }),
    },
    async stop() {
      await child.stop();
      if (options.data === undefined) await Deno.remove(data, { recursive: true });
    },
  };
}

/** The permissions of `deno task gateway`. */
function permissions(): string[] {
  const { tasks }: { tasks: { gateway: { command: string } } } = JSON.parse(
    Deno.readTextFileSync(`${ROOT}deno.json`),
  );
  const words = tasks.gateway.command.split(/\s+/);
  return words.slice(2, words.indexOf("main.ts"));
}

/** A form of the gateway. */
export interface Gateway extends Server {
  program: string;
  args: string[];
}

function gateway(name: string, program: string, args: string[], describe: () => Promise<string>): Gateway {
  return { name, ours: true, program, args, describe, start: () => startGateway(program, args) };
}

const bun = Deno.env.get("TIDEGATE_BUN") ?? "bun";
const bundle = `${ROOT}dist/tidegate.mjs`;

/** The gateway in its shipped forms. */
export const GATEWAYS: Record<"deno" | "bun" | "executable", Gateway> = {
  deno: gateway(
    "Tidegate, Deno",
    Deno.execPath(),
    ["run", ...permissions(), bundle],
    () => Promise.resolve(`bundle on Deno ${Deno.version.deno}, recording on, tokens checked`),
  ),
  bun: gateway(
    "Tidegate, Bun",
    bun,
    [bundle],
    async () => `bundle on Bun ${(await output(bun, ["--version"])).trim()}, recording on, tokens checked`,
  ),
  executable: gateway(
    "Tidegate, Bun executable",
    `${ROOT}dist/tidegate-bun`,
    [],
    async () =>
      `executable with Bun ${(await output(bun, ["--version"])).trim()}, recording on, tokens checked`,
  ),
};

async function startMosquitto(protocol: "mqtt" | "mqtt-websocket"): Promise<Running> {
  const ports = { mqtt: freePort(), "mqtt-websocket": freePort() };
  const config = await Deno.makeTempFile({ prefix: "mosquitto-", suffix: ".conf" });
  await Deno.writeTextFile(
    config,
    // Both listeners always: mosquitto 2.0.11 does not start with one for WebSockets alone.
    `listener ${ports.mqtt} 127.0.0.1\nlistener ${ports["mqtt-websocket"]} 127.0.0.1\nprotocol websockets\n` +
      "allow_anonymous true\npersistence false\nset_tcp_nodelay true\nlog_type error\nuser root\n",
  );
  const child = Child.start("mosquitto", ["-c", config]);
  const port = ports[protocol];
  await child.until(() => listens(port));
  return {
    address: { protocol, host: "127.0.0.1", port, pid: child.pid },
    async stop() {
      await child.stop();
      await Deno.remove(config);
    },
  };
}

async function mosquittoVersion(): Promise<string> {
  const { stdout } = await new Deno.Command("mosquitto", { args: ["-h"] }).output();
  return new TextDecoder().decode(stdout).split("\n")[0]!.replace("mosquitto version ", "mosquitto ");
}

/** Debian's peers, and aedes and Signal K from npm. */
export const PEERS: Record<"nats" | "mosquitto" | "mosquittoWebSocket" | "aedes" | "signalk", Server> = {
  nats: {
    name: "nats-server",
    ours: false,
    describe: async () => `${(await output("nats-server", ["-v"])).trim()}, TCP, no recording, no login`,
    async start() {
      const port = freePort();
      const child = Child.start("nats-server", ["-a", "127.0.0.1", "-p", String(port)]);
      await child.until(() => listens(port));
      return {
        address: { protocol: "nats", host: "127.0.0.1", port, pid: child.pid },
        stop: () => child.stop(),
      };
    },
  },
  mosquitto: {
    name: "mosquitto, TCP",
    ours: false,
    describe: async () => `${await mosquittoVersion()}, TCP, QoS 0, no recording, no login`,
    start: () => startMosquitto("mqtt"),
  },
  mosquittoWebSocket: {
    name: "mosquitto, WebSocket",
    ours: false,
    describe: async () => `${await mosquittoVersion()}, WebSocket, QoS 0, no recording, no login`,
    start: () => startMosquitto("mqtt-websocket"),
  },
  aedes,
  signalk,
};
