/**
 * The settings of a bridge: one schema for the config file, checked whole before anything connects.
 *
 * @module
 */
import { z } from "zod";
import { patternProblem } from "../../protocol/topics.ts";
import {
  type HostedNodeConfig,
  hostedNodeSchema,
  hostedNodesProblem,
  type SparkplugConfig,
  sparkplugSchema,
} from "../sparkplug/config.ts";
import { coveringFilter, overlap, templateProblem } from "../template.ts";

/** Schemes of broker URLs with their default ports. */
export const SCHEMES: Readonly<Record<string, number>> = {
  "mqtt:": 1883,
  "mqtts:": 8883,
  "ws:": 80,
  "wss:": 443,
};

function checked(problem: (text: string) => string | undefined) {
  return z.string().superRefine((text, context) => {
    const message = problem(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });
}

const filter = () => checked(patternProblem);
const template = () => checked(templateProblem);
const seconds = (min: number, max: number) => z.int().min(min).max(max);

function urlProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && url.protocol in SCHEMES && url.hostname !== "") return undefined;
  return "a broker's URL is mqtt://HOST[:PORT], mqtts://…, ws://… or wss://…";
}

const outRule = z.strictObject({
  direction: z.literal("out").default("out"),
  /** Topics of the gateway that the rule is for. */
  filter: filter().default("#"),
  /** Topic on the broker. */
  topic: template().default("tidegate/{gateway}/{topic}"),
  /** Only topics of this class; both without. */
  class: z.enum(["state", "event"]).optional(),
  /** Quality of service of state topics; 0 costs least, and the next value heals a loss. */
  stateQos: z.union([z.literal(0), z.literal(1)]).default(0),
  /** Quality of service of event topics. */
  eventQos: z.union([z.literal(1), z.literal(2)]).default(1),
  /** Whether the broker keeps the newest value of state topics. */
  retain: z.boolean().default(true),
  /** At most so many values a second of each state topic. */
  maxHz: z.number().positive().max(10_000).optional(),
  payload: z.enum(["text", "json", "raw"]).default("text"),
  /** Seconds after which the broker may drop a message (MQTT 5). */
  expiryS: seconds(1, 4_294_967_295).optional(),
});

const inRule = z.strictObject({
  direction: z.literal("in"),
  /** Topics on the broker. */
  filter: filter(),
  /** Topic in the gateway; its first level is the device. */
  topic: template(),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]).default(0),
  /** `event` takes every message to disk before the broker is told that it arrived. */
  class: z.enum(["state", "event"]).default("state"),
});

const rule = z.union([inRule, outRule]);

/** One bridge as the config file has it. */
export const bridgeSchema = z.strictObject({
  /** Names the bridge in logs and keeps its place in the recording; default the broker's host and port. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/).optional(),
  url: checked(urlProblem),
  /** MQTT version; 4 is 3.1.1. */
  version: z.union([z.literal(4), z.literal(5)]).default(5),
  username: z.string().optional(),
  password: z.string().optional(),
  /** File that holds the password, for secrets that are mounted. */
  passwordFile: z.string().optional(),
  /** PEM of the authorities to trust instead of the system's. */
  caFile: z.string().optional(),
  /** PEM of the client's certificate and key, for mutual TLS. */
  certFile: z.string().optional(),
  keyFile: z.string().optional(),
  /** Name that the broker's certificate must carry, where that is not the URL's host. */
  serverName: z.string().optional(),
  clientId: z.string().min(1).max(256).optional(),
  /** false keeps the session on the broker, with what it holds for us, for `sessionExpiryS`. */
  clean: z.boolean().default(true),
  sessionExpiryS: seconds(0, 4_294_967_295).default(86_400),
  keepaliveS: seconds(5, 65_535).default(30),
  /** Deadline of a whole connection attempt. */
  connectTimeoutS: seconds(1, 120).default(10),
  /** Unacknowledged messages at a time; the broker's Receive Maximum lowers it. */
  window: z.int().min(1).max(65_535).default(256),
  /** Most events a second while catching up, so that a broker that came back is not flooded. */
  drainPerSecond: z.int().min(1).max(1_000_000).default(20_000),
  /** Events older than this are not sent any more; without, what the recording still has is. */
  spoolMaxAgeS: seconds(1, 315_360_000).optional(),
  /** When more than this waits for the broker the oldest events of the rule go; without, the recording's limits hold. */
  spoolMaxBytes: z.int().min(65_536).max(Number.MAX_SAFE_INTEGER).optional(),
  /** Discovery for Home Assistant under this prefix. */
  homeAssistant: z.union([z.boolean(), checked(patternProblem)]).default(false),
  /** Makes the gateway a Sparkplug edge node on this broker, over a connection of its own. */
  sparkplug: sparkplugSchema.optional(),
  /** Edge nodes of other makers on this broker whose metrics become topics of the gateway. */
  sparkplugNodes: z.array(hostedNodeSchema).default([]),
  /** Without any, everything goes out; nothing but Sparkplug where there is that. */
  rules: z.array(rule).optional(),
}).transform(({ rules, ...bridge }) => ({
  ...bridge,
  rules: rules ?? (bridge.sparkplug ? [] : [outRule.parse({})]),
})).superRefine((bridge, context) => {
  for (const message of bridgeProblems(bridge)) context.addIssue({ code: "custom", message });
});

/** A rule out, checked. */
export type OutRule = z.output<typeof outRule>;
/** A rule in, checked. */
export type InRule = z.output<typeof inRule>;
/** A bridge, checked. */
export type BridgeConfig = z.output<typeof bridgeSchema>;

/** Stands for the gateway's level while rules are compared before it is known. */
const ANY_GATEWAY = "+";

function bridgeProblems(
  bridge: { certFile?: string | undefined; keyFile?: string | undefined; rules: (OutRule | InRule)[] } & {
    password?: string | undefined;
    passwordFile?: string | undefined;
    sparkplug?: SparkplugConfig | undefined;
    sparkplugNodes: readonly HostedNodeConfig[];
    homeAssistant: string | boolean;
  },
): string[] {
  const problems: string[] = [];
  if ((bridge.certFile === undefined) !== (bridge.keyFile === undefined)) {
    problems.push("certFile and keyFile go together");
  }
  if (bridge.password !== undefined && bridge.passwordFile !== undefined) {
    problems.push("give password or passwordFile, not both");
  }
  if (!hasBridge(bridge) && !bridge.sparkplug) problems.push("a bridge needs a rule, or sparkplug");
  const twice = hostedNodesProblem(bridge.sparkplugNodes);
  if (twice !== undefined) problems.push(twice);
  const { sparkplug, sparkplugNodes } = bridge;
  if (sparkplugNodes.some(({ group, node }) => group === sparkplug?.group && node === sparkplug.node)) {
    problems.push(`${sparkplug?.group}/${sparkplug?.node} is this gateway's own Sparkplug node`);
  }
  if (bridge.rules.length === 0 && bridge.homeAssistant !== false) {
    problems.push("homeAssistant shows what a rule sends out: give rules too");
  }
  const outs = bridge.rules.filter((one) => one.direction === "out");
  const ins = bridge.rules.filter((one) => one.direction === "in");
  for (const out of outs) {
    const sent = coveringFilter(out.topic, ANY_GATEWAY);
    const looping = ins.find((one) =>
      overlap(sent, one.filter) && overlap(coveringFilter(one.topic, ANY_GATEWAY), out.filter)
    );
    if (looping) {
      problems.push(
        `the rules out ${out.filter} → ${out.topic} and in ${looping.filter} → ${looping.topic} would loop: what ` +
          "goes out comes back as another topic and goes out again; use separate trees",
      );
    }
  }
  return problems;
}

/** Whether a broker has more than an edge node's connection. */
export function hasBridge(
  { rules, sparkplugNodes }: { rules: readonly unknown[]; sparkplugNodes: readonly unknown[] },
): boolean {
  return rules.length > 0 || sparkplugNodes.length > 0;
}

/** Name of a bridge. */
export function bridgeName({ name, url }: Pick<BridgeConfig, "name" | "url">): string {
  if (name !== undefined) return name;
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || SCHEMES[protocol]}`;
}
