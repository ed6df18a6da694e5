/**
 * MQTT at its place in the gateway: the embedded broker over the hub, its port, and who may use it.
 *
 * @module
 */
import type { GatewaySettings } from "../cli/parts.ts";
import { formatAddress } from "../cli/setting.ts";
import type { Principal } from "../hub/access.ts";
import type { EndableSession } from "../hub/session_log.ts";
import type { EmbeddedBroker } from "../mqtt/broker/broker.ts";
import { type BrokerConnection, transportConnection } from "../mqtt/broker/connection.ts";
import type { BrokerContext, MqttAdmission } from "../mqtt/broker/context.ts";
import { type BrokerListener, listenForClients } from "../mqtt/broker/listen.ts";
import type { BridgeStatus } from "../mqtt/bridge/bridge.ts";
import { hasBridge } from "../mqtt/bridge/config.ts";
import type { BridgeContext } from "../mqtt/bridge/context.ts";
import { TopicTree } from "../mqtt/topics.ts";
import { CLOSE } from "../protocol/close_codes.ts";
import { deviceNameProblem } from "../protocol/topics.ts";
import type { MetricValue } from "../routes/services.ts";
import type { Accept } from "../transport/transport.ts";
import type { SessionWay } from "../transport/way.ts";
import type { Core, Fault } from "./core.ts";
import { lazily } from "./lazily.ts";
import { log } from "./log.ts";
import { startOwnNode } from "./own_node.ts";
import { waysOf } from "./ways.ts";

/** Stands for the token of clients that have none. */
const ANONYMOUS = "anonymous";

/** How often removed devices are looked for, in milliseconds. */
const FORGET_EVERY_MS = 2_000;

/** MQTT while the gateway runs. */
export interface Mqtt {
  /** Where clients of this machine connect; absent without an embedded broker. */
  readonly url?: string;
  /** How an MQTT client comes in over WebSocket; absent without an embedded broker. */
  readonly accept?: Accept;
  /** How each device is connected that has a session over MQTT. */
  ways(): Iterable<SessionWay>;
  /** What keeps MQTT from its work, in words. */
  problems(): string[];
  /** Loads what the broker needs for its first client. */
  load(): Promise<unknown>;
  metrics(): Iterable<MetricValue>;
  stop(): Promise<void>;
}

/** What MQTT needs beside the core. */
export interface MqttParts {
  /** Certificate of the gateway, for a broker that other machines reach. */
  tls: { cert: string; key: string } | undefined;
  fault: Fault;
}

/** Starts MQTT as the settings say. @throws when the broker's address cannot be used. */
export async function startMqtt(core: Core, settings: GatewaySettings, parts: MqttParts): Promise<Mqtt> {
  const tree = new TopicTree(settings.mqtt.name ?? core.store.boot.gateway);
  const broker = await startBroker(core, settings, tree, parts);
  const bridges = await startBridges(core, settings, tree, parts);
  if (settings.mqtt.sparkplug) {
    const context = bridgeContext(core, tree, parts.fault, settings.mqtt.eventTopics);
    bridges.push(await startOwnNode(context, settings.mqtt.sparkplug, broker?.connected));
  }
  const forgetGone = forgetRemovedDevices(core, bridges);
  return {
    ...(broker ? { url: broker.url, accept: broker.accept } : {}),
    ways: () => broker?.ways() ?? [],
    load: () => broker?.load() ?? Promise.resolve(),
    problems: () => bridges.flatMap((bridge) => problemOf(bridge.status())),
    *metrics() {
      if (broker) {
        yield {
          name: "tidegate_mqtt_clients",
          help: "Clients connected to the embedded MQTT broker now.",
          type: "gauge",
          value: broker.clients(),
        };
        yield {
          name: "tidegate_mqtt_sessions",
          help: "Sessions that clients of the embedded MQTT broker can come back to.",
          type: "gauge",
          value: broker.sessions(),
        };
      }
      for (const bridge of bridges) yield* bridgeMetrics(bridge.status());
    },
    async stop() {
      clearInterval(forgetGone);
      await Promise.all(bridges.map((bridge) => bridge.stop()));
      await broker?.stop();
    },
  };
}

/** A bridge, or an edge node. */
interface Outside {
  start(): void;
  stop(): Promise<void>;
  status(): BridgeStatus;
  deviceGone(device: string): void;
}

/**
 * The bridges' library is loaded only where there is a bridge, and that of Sparkplug only where there is an
 * edge node.
 */
async function startBridges(
  core: Core,
  { mqtt }: GatewaySettings,
  tree: TopicTree,
  { fault }: MqttParts,
): Promise<Outside[]> {
  if (mqtt.bridges.length === 0) return [];
  const { Bridge } = await import("../mqtt/bridge/bridge.ts");
  const context = bridgeContext(core, tree, fault, mqtt.eventTopics);
  const bridges: Outside[] = [];
  for (const config of mqtt.bridges) {
    if (hasBridge(config)) bridges.push(new Bridge(context, config));
    if (config.sparkplug) {
      const { EdgeNode } = await import("../mqtt/sparkplug/edge_node.ts");
      bridges.push(new EdgeNode(context, config, config.sparkplug));
    }
  }
  for (const bridge of bridges) bridge.start();
  return bridges;
}

function problemOf({ name, broker, online, problem }: BridgeStatus): string[] {
  if (online) return [];
  return [`the MQTT bridge ${name} (${broker}) is not connected: ${problem ?? "still connecting"}`];
}

function* bridgeMetrics(status: BridgeStatus): Generator<MetricValue> {
  const labels = { bridge: status.name };
  const value = (name: string, help: string, type: "gauge" | "counter", value: number) => ({
    name: `tidegate_mqtt_bridge_${name}`,
    help,
    type,
    labels,
    value,
  });
  yield value("connected", "Whether the bridge is connected.", "gauge", status.online ? 1 : 0);
  yield value("draining", "Whether the bridge is catching up.", "gauge", status.draining ? 1 : 0);
  yield value("under_way", "Events that the broker has not acknowledged.", "gauge", status.underWay);
  yield value("connections_total", "Connections made.", "counter", status.connections);
  yield value("events_total", "Events that the broker has acknowledged.", "counter", status.eventsDelivered);
  yield value("events_lost_total", "Events that the broker will never get.", "counter", status.eventsLost);
  if (status.spooledBytes !== undefined) {
    yield value("spool_bytes", "Events that wait for the broker, in bytes.", "gauge", status.spooledBytes);
  }
  yield value("states_total", "Values of state topics sent.", "counter", status.statesSent);
  yield value(
    "states_conflated_total",
    "Values of state topics left out for newer ones.",
    "counter",
    status.statesConflated,
  );
}

/** What a bridge gets of the gateway. */
export function bridgeContext(
  core: Core,
  tree: TopicTree,
  fault: Fault,
  eventTopics: readonly string[],
): BridgeContext {
  const { hub, clock, counters, store, downlink, access, directory } = core;
  return {
    hub,
    clock,
    counters,
    tree,
    fault,
    recorder: store.recorder,
    reader: store.reader,
    writer: downlink,
    downlinks: downlink,
    presence: directory,
    eventTopics,
    gateway: store.boot.gateway,
    cursors: store,
    keptCursors: store.boot.cursors,
    isRemoved: (device) => (access.devices.get(device)?.revokedAt ?? null) !== null,
    log: (level, message) => log[level]("{message}", { message }),
  };
}

/** Tells the bridges of devices that an operator has removed. */
function forgetRemovedDevices({ access }: Core, bridges: readonly Outside[]): ReturnType<typeof setInterval> {
  const removed = () =>
    access.devices.list().filter(({ revokedAt }) => revokedAt !== null).map(({ name }) => name);
  let known = new Set(removed());
  return setInterval(() => {
    const now = removed();
    for (const device of now) {
      if (!known.has(device)) { for (const bridge of bridges) bridge.deviceGone(device); }
    }
    known = new Set(now);
  }, FORGET_EVERY_MS);
}

interface RunningBroker {
  url: string;
  connected(connection: BrokerConnection): void;
  accept: Accept;
  clients(): number;
  sessions(): number;
  ways(): Iterable<SessionWay>;
  load(): Promise<unknown>;
  stop(): Promise<void>;
}

async function startBroker(
  core: Core,
  settings: GatewaySettings,
  tree: TopicTree,
  parts: MqttParts,
): Promise<RunningBroker | undefined> {
  const { listen } = settings.mqtt;
  if (listen === null) return undefined;
  const open = new Set<EndableSession>();
  let running: EmbeddedBroker | undefined;
  const broker = lazily(async () => {
    const { EmbeddedBroker } = await import("../mqtt/broker/broker.ts");
    return running = await EmbeddedBroker.start(brokerContext(core, settings, tree, parts.fault, open));
  });
  const connected = (connection: BrokerConnection) => {
    if (running) return running.connected(connection);
    // What the client sends meanwhile waits in its stream.
    broker().then((started) => started.connected(connection), (error) => {
      parts.fault("mqtt broker", error);
      connection.stream.destroy();
    });
  };
  const tls = parts.tls && !isLoopback(listen.hostname) ? parts.tls : undefined;
  let listener: BrokerListener;
  try {
    listener = await listenForClients({
      ...listen,
      ...(tls ? { tls: { cert: tls.cert, key: tls.key } } : {}),
      connected,
    });
  } catch (error) {
    throw new Error(
      `the MQTT broker cannot listen on ${formatAddress(listen)}: ${(error as Error).message}; give ` +
        "--mqtt-listen another address, or off",
      { cause: error },
    );
  }
  if (listen.port !== 0 && listener.port !== listen.port) {
    log.warn("port {wanted} is taken: the MQTT broker listens on {port}", {
      wanted: listen.port,
      port: listener.port,
    });
  }
  const everywhere = ["0.0.0.0", "::", ""].includes(listen.hostname);
  const hostname = everywhere ? "127.0.0.1" : listen.hostname;
  return {
    url: `${tls ? "mqtts" : "mqtt"}://${formatAddress({ hostname, port: listener.port })}`,
    connected,
    accept: transportConnection(connected),
    clients: () => running?.clients ?? 0,
    sessions: () => running?.sessions ?? core.store.boot.mqttSessions.length,
    ways: () => waysOf(open),
    load: broker,
    async stop() {
      await running?.farewell();
      for (const session of [...open]) session.end(CLOSE.goingAway, "the gateway is shutting down");
      await running?.stop();
      await listener.stop();
    },
  };
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

function brokerContext(
  core: Core,
  { mqtt }: GatewaySettings,
  tree: TopicTree,
  fault: Fault,
  open: Set<EndableSession>,
): BrokerContext {
  const { hub, clock, counters, store, access, directory, downlink } = core;
  return {
    hub,
    clock,
    counters,
    recorder: store.recorder,
    reader: store.reader,
    sessions: store,
    keptSessions: store.boot.mqttSessions,
    keptCursors: store.boot.cursors,
    sessionMaxAgeMs: mqtt.sessionMaxAgeMs,
    isToken: (id) => id === ANONYMOUS ? mqtt.anonymous : access.tokens.get(id) !== undefined,
    sessionLog: store.sessionLog,
    authorizer: access.tokens,
    downlinks: downlink,
    presence: directory,
    open,
    tree,
    eventTopics: mqtt.eventTopics,
    sparkplug: mqtt.sparkplug !== undefined,
    hostedNodes: new Map(mqtt.sparkplugNodes.map((node) => [node.device, node])),
    admit: (client) => admit(core, mqtt.anonymous, client),
    seen: (device) => access.devices.seen(device),
    log: (level, message) => log[level]("{message}", { message }),
    fault,
  };
}

/** Who an MQTT client is: the password is a token, and a device's user name its name. */
function admit(
  { access }: Core,
  anonymous: boolean,
  { id, user, password, remote }: Parameters<BrokerContext["admit"]>[0],
): MqttAdmission {
  if (password === undefined || password === "") {
    if (!anonymous) {
      return {
        ok: false,
        because: "wrong",
        message: "no password; user name = device, password = its token",
      };
    }
    const device = user ?? id;
    const problem = deviceNameProblem(device);
    return { ok: true, principal: anonymousPrincipal(problem === undefined ? device : undefined) };
  }
  const admission = access.gate.admitToken(password, remote);
  if (!admission.ok) {
    return { ok: false, because: admission.status === 429 ? "busy" : "wrong", message: admission.message };
  }
  const { principal } = admission;
  if (principal.device !== undefined && user !== undefined && user !== principal.device) {
    const message = `user name ${JSON.stringify(user)} is not the token's device, ${principal.device}`;
    return { ok: false, because: "wrong", message };
  }
  return { ok: true, principal };
}

/** A client without a token, where the settings allow that: reads everything, publishes as the device it says it is. */
function anonymousPrincipal(device: string | undefined): Principal {
  return {
    role: device === undefined ? "dashboard" : "device",
    tokenId: ANONYMOUS,
    label: "anonymous MQTT client",
    ...(device === undefined ? {} : { device }),
    read: ["#"],
    write: device === undefined ? [] : [`${device}/#`],
  };
}
