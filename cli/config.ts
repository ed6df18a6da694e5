/**
 * The gateway's settings: one schema that flags, environment and config file share. A new section here shows
 * up in all three and in the help by itself.
 *
 * @module
 */
import { z } from "zod";
import { addressOrInterface, iceServer, ipAddress, maskIceServer, portRange } from "./rtc_setting.ts";
import {
  address,
  duration,
  formatAddress,
  gatewayLevel,
  list,
  origin,
  orOff,
  setting,
  size,
  toggle,
  topicPattern,
} from "./setting.ts";
import { bridges, edgeNode, hostedNodes, maskBridges } from "./bridge_setting.ts";
import type { HostedNodeConfig, SparkplugConfig } from "../mqtt/sparkplug/config.ts";
import { exactDuration, exactSize } from "./units.ts";

const SECOND = 1_000;
const DAY = 86_400_000;

/** Below this the file would be pruned faster than it fills. */
const SMALLEST_RECORDING = 16_000_000;

const path = () => z.string({ error: "expected a path" }).min(1, { error: "expected a path, got nothing" });
const showDuration = (value: number | null) => value === null ? "off" : exactDuration(value);
const showSize = (value: number | null) => value === null ? "off" : exactSize(value);

/** Everything that `serve` can be told. Durations are milliseconds and sizes bytes once read. */
export const configSchema = z.strictObject({
  listen: setting(address(), {
    help: "address to listen on; port 0 takes any free one",
    value: "HOST:PORT",
    show: (value: { hostname: string; port: number }) => formatAddress(value),
  }),
  data: setting(path(), { help: "folder of the database, keys and run state", value: "DIR" }),
  tls: setting(z.enum(["off", "auto"], { error: "expected off or auto" }), {
    help: "auto makes and keeps a self-signed certificate",
    value: "off|auto",
  }),
  tlsCert: setting(path().optional(), { help: "certificate chain, PEM; needs --tls-key", value: "FILE" }),
  tlsKey: setting(path().optional(), { help: "private key, PEM; needs --tls-cert", value: "FILE" }),
  insecureListen: setting(toggle(), { help: "allow listening beyond this machine without TLS" }),
  allowedOrigins: setting(list(origin()), {
    help: "pages of other origins that may connect, separated by commas",
    value: "ORIGINS",
  }),
  agent: setting(toggle(), { help: "stream this machine's metrics into the gateway" }),
  retention: z.strictObject({
    maxBytes: setting(orOff(size(SMALLEST_RECORDING)), {
      help: "largest size of the recording; the oldest goes first",
      value: "SIZE|off",
      show: showSize,
    }),
    maxAge: setting(orOff(duration(60 * SECOND, 36_500 * DAY)), {
      help: "how long recorded samples are kept",
      value: "DURATION|off",
      show: showDuration,
    }),
  }),
  limits: z.strictObject({
    idleTimeout: setting(duration(SECOND, DAY), {
      help: "a peer silent for this long is gone",
      value: "DURATION",
      show: showDuration,
    }),
    resumeWithin: setting(duration(0, DAY), {
      help: "how long a lost session can be taken up again",
      value: "DURATION",
      show: showDuration,
    }),
    flush: setting(duration(0, SECOND).optional(), {
      help:
        "longest wait to coalesce samples for dashboards under load; without it 5ms on Deno, 5.5ms on Bun",
      value: "DURATION",
      show: showDuration,
    }),
  }),
  rtc: z.strictObject({
    enabled: setting(toggle(), {
      help: "let sessions move to WebRTC data channels where they can",
      value: "true|false",
    }),
    iceServers: setting(list(iceServer()), {
      help: "STUN and TURN servers, separated by commas: stun:HOST:PORT, turn:USER:PASSWORD@HOST:PORT",
      value: "URLS",
      show: (value: string[]) => value.map(maskIceServer).join(","),
    }),
    turnSecret: setting(z.string({ error: "expected a text" }).min(1).optional(), {
      help: "secret shared with the TURN servers (coturn's static-auth-secret)",
      value: "SECRET",
      secret: true,
    }),
    portRange: setting(portRange().optional(), {
      help: "UDP ports to use; any free one without it",
      value: "FIRST-LAST",
      show: (value: readonly [number, number] | undefined) => value?.join("-") ?? "any",
    }),
    advertise: setting(list(ipAddress()), {
      help: "addresses by which peers reach this machine through NAT, separated by commas",
      value: "ADDRESSES",
    }),
    addresses: setting(list(addressOrInterface()), {
      help: "use only these addresses or interfaces of the machine, separated by commas",
      value: "NAMES",
    }),
  }),
  mqtt: z.strictObject({
    listen: setting(orOff(address()), {
      help: "address of the embedded MQTT broker; a taken port is passed over",
      value: "HOST:PORT|off",
      show: (value: { hostname: string; port: number } | null) =>
        value === null ? "off" : formatAddress(value),
    }),
    anonymous: setting(toggle(), { help: "let MQTT clients in without a token" }),
    name: setting(gatewayLevel().optional(), {
      help: "this gateway's level in tidegate/<gateway>/...; default its id",
      value: "NAME",
    }),
    eventTopics: setting(list(topicPattern()), {
      help: "patterns of topics whose MQTT messages at QoS 1 and 2 are events, separated by commas",
      value: "PATTERNS",
    }),
    sessionMaxAge: setting(orOff(duration(60 * SECOND, 36_500 * DAY)), {
      help: "how long the session of an MQTT client that stays away is kept",
      value: "DURATION|off",
      show: showDuration,
    }),
    sparkplug: setting(edgeNode().optional(), {
      help:
        "makes the gateway a Sparkplug edge node on the embedded broker: GROUP/NODE, or an object in the config file",
      value: "GROUP/NODE",
      show: (value: SparkplugConfig | undefined) => value === undefined ? "off" : JSON.stringify(value),
    }),
    sparkplugNodes: setting(hostedNodes(), {
      help:
        "devices that are Sparkplug edge nodes on the embedded broker: DEVICE=GROUP/NODE separated by commas, or " +
        "objects in the config file",
      value: "NODES",
      show: (value: readonly HostedNodeConfig[]) => JSON.stringify(value),
    }),
    bridges: setting(bridges(), {
      help: "MQTT brokers to bridge to: URLs separated by commas, or objects in the config file",
      value: "URLS",
      secret: true,
      show: maskBridges,
    }),
  }),
  log: z.strictObject({
    level: setting(
      z.enum(["trace", "debug", "info", "warning", "error"], {
        error: "expected trace, debug, info, warning or error",
      }),
      { help: "least severe level that is logged", value: "LEVEL" },
    ),
    format: setting(z.enum(["text", "json"], { error: "expected text or json" }), {
      help: "text for people, json for one object per line",
      value: "text|json",
    }),
  }),
});

/** Settings, read and checked. */
export type Config = z.output<typeof configSchema>;

/** What holds where nothing is said, in the words of the config file. */
export const CONFIG_DEFAULTS: Readonly<Record<string, unknown>> = {
  listen: "127.0.0.1:8080",
  data: "./data",
  tls: "off",
  insecureListen: false,
  allowedOrigins: [],
  agent: false,
  "retention.maxBytes": "2GB",
  "retention.maxAge": "30d",
  "limits.idleTimeout": "30s",
  "limits.resumeWithin": "1m",
  "rtc.enabled": true,
  "rtc.iceServers": [],
  "rtc.advertise": [],
  "rtc.addresses": [],
  "mqtt.listen": "127.0.0.1:1883",
  "mqtt.anonymous": false,
  "mqtt.eventTopics": [],
  "mqtt.sparkplugNodes": [],
  "mqtt.sessionMaxAge": "7d",
  "mqtt.bridges": [],
  "log.level": "info",
  "log.format": "text",
};
