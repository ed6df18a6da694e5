/**
 * Settings: a zod schema per value, with what the command line and the help need to know beside it. The names
 * of the flag and of the environment variable follow from the place in the schema, so that the three agree.
 *
 * @module
 */
import { z } from "zod";
import { gatewayLevelProblem } from "../mqtt/topics.ts";
import { patternProblem } from "../protocol/topics.ts";
import { exactDuration, exactSize, parseDuration, parseSize } from "./units.ts";

/** What is known of a setting beside its schema. */
export interface SettingMeta {
  /** One line of help. */
  help: string;
  /** Placeholder of the value in the help; without one the setting is a switch. */
  value?: string;
  /** Never shown, e.g. a password. */
  secret?: boolean;
  /** How a value is written by `--print-config`; default as JSON. */
  show?: (value: never) => string;
}

const metas = z.registry<SettingMeta>();

/** A setting at its place. */
export interface Setting {
  /** Place in the config file: `retention.maxBytes`. */
  path: string;
  /** `--retention-max-bytes` */
  flag: string;
  /** `TIDEGATE_RETENTION_MAX_BYTES` */
  variable: string;
  schema: z.ZodType;
  meta: SettingMeta;
}

/** Notes what belongs to a setting. */
export function setting<S extends z.ZodType>(schema: S, meta: SettingMeta): S {
  metas.add(schema, meta);
  return schema;
}

const words = (path: string) => path.replaceAll(".", "-").replaceAll(/[A-Z]/g, (letter) => `-${letter}`);

/** All settings of a schema, sections first to last. */
export function settingsOf(schema: z.ZodObject, prefix = ""): Setting[] {
  return Object.entries(schema.shape).flatMap(([key, part]): Setting[] => {
    const path = prefix + key;
    if (part instanceof z.ZodObject) return settingsOf(part, `${path}.`);
    const meta = metas.get(part as z.ZodType);
    if (!meta) throw new Error(`setting ${path} has no help; wrap its schema in setting()`);
    return [{
      path,
      flag: `--${words(path).toLowerCase()}`,
      variable: `TIDEGATE_${words(path).toUpperCase().replaceAll("-", "_")}`,
      schema: part as z.ZodType,
      meta,
    }];
  });
}

/** A text that `read` understands; `wanted` completes the message when it does not. */
export function textual<T>(read: (text: string) => T | undefined, wanted: string) {
  return z.string({ error: `expected ${wanted}` }).transform((text, context) => {
    const value = read(text);
    if (value === undefined) {
      context.issues.push({ code: "custom", message: `expected ${wanted}`, input: text });
      return z.NEVER;
    }
    return value;
  });
}

/** A size in bytes, written `2GB` or `512MiB`. */
export function size(min: number, max = Number.MAX_SAFE_INTEGER) {
  return textual(parseSize, "a size such as 500MB or 2GiB").refine(
    (bytes) => bytes >= min && bytes <= max,
    { error: `expected between ${exactSize(min)} and ${exactSize(max)}` },
  );
}

/** A duration in milliseconds, written `30d` or `250ms`. */
export function duration(min: number, max: number) {
  return textual(parseDuration, "a duration such as 250ms, 30s or 7d").refine(
    (ms) => ms >= min && ms <= max,
    { error: `expected between ${exactDuration(min)} and ${exactDuration(max)}` },
  );
}

/** A limit that `off` lifts: null when it does. */
export function orOff<S extends z.ZodType<unknown, string>>(schema: S) {
  return z.union([z.literal("off").transform(() => null), schema], {
    error: (issue) => firstMessage(issue as { errors?: unknown }) ?? "expected a value or off",
  });
}

function firstMessage(issue: { errors?: unknown }): string | undefined {
  const branches = issue.errors as { message?: string }[][] | undefined;
  const message = branches?.at(-1)?.[0]?.message;
  return message === undefined ? undefined : `${message}, or off`;
}

/** A switch: true, or the words that the environment has for it. */
export function toggle() {
  return z.union([
    z.boolean(),
    textual((text) => SWITCH_WORDS[text.toLowerCase()], "true or false"),
  ], { error: "expected true or false" });
}

const SWITCH_WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false,
};

/** A list: an array in the config file, separated by commas elsewhere. */
export function list<S extends z.ZodType<unknown, string>>(item: S) {
  return z.preprocess(
    (value) =>
      typeof value === "string" ? value.split(",").map((part) => part.trim()).filter(Boolean) : value,
    z.array(item, { error: "expected a list" }),
  );
}

/** An address to listen on, `HOST:PORT`; IPv6 as `[::1]:8080`, every address as `:8080`. */
export function address() {
  return textual(
    parseAddress,
    "HOST:PORT such as 127.0.0.1:8080, [::1]:8080 or :8080, with a port from 0 to 65535",
  );
}

/** Reads `HOST:PORT`. */
function parseAddress(text: string): { hostname: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]]*)):(\d{1,5})$/i.exec(text.trim());
  if (!match) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  return { hostname: match[1] ?? (match[2] || "0.0.0.0"), port };
}

/** `HOST:PORT`, with brackets around IPv6. */
export function formatAddress({ hostname, port }: { hostname: string; port: number }): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** An origin as browsers send it: `https://example.org`, without path. */
export function origin() {
  return textual((text) => {
    try {
      const url = new URL(text);
      const plain = url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
      return /^https?:$/.test(url.protocol) && plain ? url.origin : undefined;
    } catch {
      return undefined;
    }
  }, "an origin such as https://panel.example.org, without a path");
}

/** A pattern of topics. */
export function topicPattern() {
  return z.string({ error: "expected a topic pattern" }).superRefine((text, context) => {
    const problem = patternProblem(text);
    if (problem) context.addIssue({ code: "custom", message: problem });
  });
}

/** The gateway's level in MQTT topics. */
export function gatewayLevel() {
  return z.string({ error: "expected a name" }).superRefine((text, context) => {
    const problem = gatewayLevelProblem(text);
    if (problem) context.addIssue({ code: "custom", message: problem });
  });
}
