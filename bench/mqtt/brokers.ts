/**
 * What the gateway's bridge is measured with: mosquitto at the far end, and mosquitto's own bridge beside.
 *
 * @module
 */
import { Child, freePort, listens, LOAD_CORE, SERVER_CORE } from "../child.ts";
import type { ServerAddress } from "../load/job.ts";
import { type Gateway, GATEWAYS, type Running, startGateway } from "../servers.ts";

/** A broker at the far end of a bridge. */
export interface FarBroker {
  host: string;
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/** Nothing is kept on disk and nothing is dropped from queues; all else is mosquitto's default. */
const SETTINGS = [
  "allow_anonymous true",
  "persistence false",
  "set_tcp_nodelay true",
  "log_type error",
  "user root",
  "max_queued_messages 0",
];

/** Starts mosquitto on a core; `more` are further lines of its configuration. */
export async function startBroker(core: number, more: string[] = [], port = freePort()): Promise<FarBroker> {
  const config = await Deno.makeTempFile({ prefix: "mosquitto-", suffix: ".conf" });
  await Deno.writeTextFile(config, [`listener ${port} 127.0.0.1`, ...SETTINGS, ...more].join("\n") + "\n");
  const child = Child.start("mosquitto", ["-c", config], { cores: core });
  await child.until(() => listens(port));
  return {
    host: "127.0.0.1",
    port,
    pid: child.pid,
    async stop() {
      await child.stop();
      await Deno.remove(config);
    },
  };
}

/** One who carries messages to a broker or from it. */
export interface Carrier {
  readonly name: string;
  readonly ours: boolean;
  /** Starts it with the broker at its far end. */
  start(): Promise<Running>;
}

/** What a bridge of the gateway is given beside the URL. */
export type BridgeSettings = Record<string, unknown>;

/** Starts a gateway that has a bridge to a broker. */
export async function startBridged(
  gateway: Gateway,
  protocol: ServerAddress["protocol"],
  broker: Pick<FarBroker, "host" | "port" | "pid">,
  bridge: BridgeSettings,
  data?: string,
): Promise<Running> {
  const url = `mqtt://${broker.host}:${broker.port}`;
  const more = [
    "--mqtt-listen",
    "off",
    "--mqtt-bridges",
    JSON.stringify([{ name: "bench", url, ...bridge }]),
  ];
  const running = await startGateway(
    gateway.program,
    gateway.args,
    data === undefined ? { more } : { more, data },
  );
  return { ...running, address: { ...running.address, protocol, broker } };
}

/** The gateway on each runtime with a bridge; the far broker has the generator's core. */
export function bridged(
  protocol: ServerAddress["protocol"],
  bridge: BridgeSettings,
  brokerSettings: string[] = [],
): Carrier[] {
  return [GATEWAYS.deno, GATEWAYS.bun].map((gateway) => ({
    name: gateway.name,
    ours: true,
    async start() {
      const broker = await startBroker(LOAD_CORE, brokerSettings);
      const running = await startBridged(gateway, protocol, broker, bridge);
      await connected(running);
      return {
        address: running.address,
        async stop() {
          await running.stop();
          await broker.stop();
        },
      };
    },
  }));
}

/** The gateway's embedded broker on each runtime. */
export const EMBEDDED: Carrier[] = [GATEWAYS.deno, GATEWAYS.bun].map((gateway) => ({
  name: gateway.name,
  ours: true,
  async start() {
    const running = await startGateway(gateway.program, gateway.args, {
      more: ["--mqtt-listen", "127.0.0.1:0"],
    });
    return { ...running, address: { ...running.address, protocol: "mqtt-in" as const } };
  },
}));

/** Two mosquittos, the first with a bridge to the second. */
export function mosquittoBridge(qos: 0 | 1, brokerSettings: string[] = []): Carrier {
  return {
    name: "mosquitto's bridge",
    ours: false,
    async start() {
      const broker = await startBroker(LOAD_CORE, brokerSettings);
      const near = await startBroker(SERVER_CORE, [
        ...brokerSettings,
        "connection bench",
        `address 127.0.0.1:${broker.port}`,
        `topic # out ${qos}`,
        "bridge_protocol_version mqttv50",
        "restart_timeout 1",
      ]);
      const { host, port, pid } = near;
      return {
        address: { protocol: "mqtt", host, port, pid, broker },
        async stop() {
          await near.stop();
          await broker.stop();
        },
      };
    },
  };
}

/** Waits until the gateway's bridge is connected. @throws when that takes too long. */
export async function connected(running: Running, withinMs = 20_000): Promise<void> {
  const until = performance.now() + withinMs;
  while (await metric(running, "tidegate_mqtt_bridge_connected") !== 1) {
    if (performance.now() > until) throw new Error(`the bridge was not connected within ${withinMs} ms`);
    await new Promise((go) => setTimeout(go, 20));
  }
}

/** The sum of a metric's values over its labels; 0 when it is not there. */
export async function metric({ address }: Running, name: string): Promise<number> {
  const answer = await fetch(`http://${address.host}:${address.port}/metrics`, {
    headers: { authorization: `Bearer ${address.token}` },
  });
  let sum = 0;
  for (const line of (await answer.text()).split("\n")) {
    if (line.startsWith(name) && "{ ".includes(line[name.length] ?? "")) {
      sum += Number(line.split(" ").at(-1));
    }
  }
  return sum;
}
