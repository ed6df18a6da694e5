/**
 * What the command line needs of the rest of the program. The composition root hands it in, so that no command
 * knows how a gateway is put together, and tests put in their own.
 *
 * @module
 */
import type { RtcSettings } from "../rtc/settings.ts";
import type { BridgeConfig } from "../mqtt/bridge/config.ts";
import type { HostedNodeConfig, SparkplugConfig } from "../mqtt/sparkplug/config.ts";
import type { VerifyWorld } from "../mqtt/bridge/verify.ts";
import type { WebSocketClass } from "./open_sockets.ts";

/** How to encrypt. */
export type TlsSettings =
  | { mode: "off" }
  /** Make a self-signed certificate in the data folder and keep it. */
  | { mode: "auto" }
  | { mode: "files"; certFile: string; keyFile: string };

/** How MQTT is spoken. */
export interface MqttSettings {
  /** Address of the embedded broker; null switches it off. */
  listen: { hostname: string; port: number } | null;
  /** Lets clients in without a token; then a client is the device that its user name or client id says. */
  anonymous: boolean;
  /** Level of this gateway in `tidegate/<gateway>/…`; default its id. */
  name?: string;
  /** Patterns of topics whose messages at QoS 1 and 2 are events. */
  eventTopics: readonly string[];
  /** How long the session of a client that stays away is kept, in milliseconds; null lifts the limit. */
  sessionMaxAgeMs: number | null;
  /** Makes the gateway an edge node on the embedded broker. */
  sparkplug?: SparkplugConfig;
  /** Edge nodes of other makers whose host application the gateway is. */
  sparkplugNodes: readonly HostedNodeConfig[];
  /** Brokers to bridge to. */
  bridges: readonly BridgeConfig[];
}

/** Settings of a gateway, checked. */
export interface GatewaySettings {
  listen: { hostname: string; port: number };
  /** Folder of the database, keys and run state; made when missing. */
  dataDir: string;
  tls: TlsSettings;
  /** Origins besides the gateway's own whose pages may connect. */
  allowedOrigins: readonly string[];
  /** null lifts the limit. */
  retention: { maxBytes: number | null; maxAgeMs: number | null };
  /** Without `flushMs` the runtime's own holds. */
  limits: { idleTimeoutMs: number; resumeWithinMs: number; flushMs?: number };
  /** The WebRTC transport; null switches it off. */
  rtc: RtcSettings | null;
  mqtt: MqttSettings;
}

/** A gateway that is listening. */
export interface StartedGateway {
  /** Where it is reached from this machine: `http://127.0.0.1:8080`, without a slash at the end. */
  readonly url: string;
  /** PEM of the certificate to trust, where the gateway signed its own. */
  readonly certificate?: string;
  /** SHA-256 fingerprint of that certificate, for people to compare. */
  readonly fingerprint?: string;
  /** Operator token that is valid for this run only. */
  readonly operatorToken: string;
  /** Where MQTT clients of this machine connect, `mqtt://127.0.0.1:1883`; absent without an embedded broker. */
  readonly mqttUrl?: string;
  /** Says bye to peers, commits everything and stops listening. */
  stop(): Promise<void>;
  /** Settles when the gateway cannot go on, with the reason; never otherwise. */
  readonly failed: Promise<Error>;
}

/** The gateway's HTTP interface without a network: the same routes, as operator, over the opened database. */
export interface LocalApi {
  request(path: string, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

/** What the composition root hands in. */
export interface Parts {
  /**
   * Starts a gateway.
   *
   * @throws when the address is taken or the data folder cannot be used; the message says what to do.
   */
  startGateway(settings: GatewaySettings): Promise<StartedGateway>;
  /** Opens the database of a gateway that is not running. */
  openLocalApi(dataDir: string): Promise<LocalApi>;
  /** Parts of a gateway over a folder of their own, for `bridge verify`. */
  openVerifyWorld(): Promise<VerifyWorld & { remove(): Promise<void> }>;
}

/** What the command line needs of the runtime beneath it. */
export interface CliRuntime {
  readonly name: string;
  readonly version: string;
  /** Calls back on SIGINT and SIGTERM; the returned function stops that. */
  onStopSignal(stop: (signal: string) => void): () => void;
  exit(code: number): never;
  /** The WebSocket client; with a certificate (PEM), one that trusts it. */
  webSocketClient(certificate?: string): Promise<WebSocketClass>;
}
