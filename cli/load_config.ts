/**
 * Brings the settings together: defaults, below the config file, below the environment, below flags. Whatever
 * is wrong stops the program with one line that names the source.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { type Config, CONFIG_DEFAULTS, configSchema } from "./config.ts";
import { messageOf, UserError } from "./errors.ts";
import { type Setting, settingsOf } from "./setting.ts";

/** Every setting there is. */
export const SETTINGS: readonly Setting[] = settingsOf(configSchema);

/** Variables that are not settings of `serve` and yet ours: of other commands, and of the project's own tools. */
const OTHER_VARIABLES = [
  "TIDEGATE_CONFIG",
  "TIDEGATE_URL",
  "TIDEGATE_TOKEN",
  "TIDEGATE_CA",
  "TIDEGATE_DEVICE",
  "TIDEGATE_BUN",
  "TIDEGATE_FORMS",
  "TIDEGATE_SOAK",
  "TIDEGATE_WORKER_ROLE",
];

/** Variables of the test suite, which the program passes over. */
const TEST_PREFIX = "TIDEGATE_TEST_";

/** Where settings may come from. */
export interface ConfigInput {
  /** Values of flags by the setting's path; only those that were given. */
  flags: Readonly<Record<string, unknown>>;
  env: Readonly<Record<string, string | undefined>>;
  /** Path of the config file, when `--config` named one. */
  configFile?: string;
}

/** A setting as it stands. */
export interface Resolved {
  setting: Setting;
  /** As written at its source. */
  raw: unknown;
  value: unknown;
  /** `default`, `/etc/tidegate.json`, `TIDEGATE_LISTEN` or `--listen`. */
  source: string;
}

/** Settings and where each came from. */
export interface LoadedConfig {
  config: Config;
  resolved: ReadonlyMap<string, Resolved>;
}

/**
 * Reads and checks all settings.
 *
 * @throws {UserError} naming the source of what is wrong.
 */
export async function loadConfig(input: ConfigInput): Promise<LoadedConfig> {
  const configFile = input.configFile ?? input.env.TIDEGATE_CONFIG;
  const file = configFile === undefined ? new Map<string, unknown>() : await readConfigFile(configFile);
  refuseUnknownVariables(input.env);
  const resolved = new Map<string, Resolved>();
  for (const setting of SETTINGS) {
    const found = newest(setting, input, file, configFile);
    if (found) resolved.set(setting.path, { setting, ...found, value: read(setting, found) });
  }
  const config = nest(resolved) as Config;
  refuseImpossible(config, (path) => resolved.get(path)?.source ?? "default");
  return { config, resolved };
}

type Found = { raw: unknown; source: string };

function newest(
  setting: Setting,
  input: ConfigInput,
  file: ReadonlyMap<string, unknown>,
  fileName = "",
): Found | undefined {
  const { path, flag, variable } = setting;
  if (input.flags[path] !== undefined) return { raw: input.flags[path], source: flag };
  if (input.env[variable] !== undefined) return { raw: input.env[variable], source: variable };
  if (file.has(path)) return { raw: file.get(path), source: fileName };
  if (path in CONFIG_DEFAULTS) return { raw: CONFIG_DEFAULTS[path], source: "default" };
  return undefined;
}

function read(setting: Setting, { raw, source }: Found): unknown {
  const result = setting.schema.safeParse(raw);
  if (result.success) return result.data;
  const where = source === setting.flag || source === setting.variable
    ? source
    : `${source}: ${setting.path}`;
  const got = setting.meta.secret ? "the value given" : JSON.stringify(raw);
  const wanted = result.error.issues[0]?.message ?? "expected another value";
  throw new UserError(`${where}: ${wanted}, got ${got}`);
}

async function readConfigFile(file: string): Promise<Map<string, unknown>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new UserError(`config file ${file} cannot be read: ${messageOf(error)}`);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UserError(`config file ${file} is not JSON: ${messageOf(error)}`);
  }
  if (!isSection(content)) throw new UserError(`config file ${file}: expected an object at the top`);
  return flatten(content, file);
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function flatten(content: Record<string, unknown>, file: string, prefix = ""): Map<string, unknown> {
  const values = new Map<string, unknown>();
  for (const [key, value] of Object.entries(content)) {
    const path = prefix + key;
    if (prefix === "" && key === "$schema") continue;
    if (SETTINGS.some((setting) => setting.path === path)) {
      values.set(path, value);
    } else if (SETTINGS.some((setting) => setting.path.startsWith(`${path}.`))) {
      if (!isSection(value)) {
        throw new UserError(`${file}: ${path}: expected an object, got ${JSON.stringify(value)}`);
      }
      for (const [inner, leaf] of flatten(value, file, `${path}.`)) values.set(inner, leaf);
    } else {
      throw new UserError(
        `${file}: unknown setting ${JSON.stringify(path)}${suggestion(path, SETTINGS.map((s) => s.path))}`,
      );
    }
  }
  return values;
}

function refuseUnknownVariables(env: ConfigInput["env"]): void {
  const known = [...SETTINGS.map((setting) => setting.variable), ...OTHER_VARIABLES];
  for (const name of Object.keys(env)) {
    if (!name.startsWith("TIDEGATE_") || name.startsWith(TEST_PREFIX) || known.includes(name)) continue;
    throw new UserError(`unknown environment variable ${name}${suggestion(name, known)}`);
  }
}

/** `; did you mean …?` where a known name is near, else the way to the list. */
function suggestion(name: string, known: readonly string[]): string {
  const near = known
    .map((other) => ({ other, distance: editDistance(name.toLowerCase(), other.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return near && near.distance <= Math.max(2, name.length / 5)
    ? `; did you mean ${near.other}?`
    : "; 'serve --help' lists the known ones";
}

/** Insertions, deletions and replacements that turn one text into the other (Wagner and Fischer, 1974). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

function nest(resolved: ReadonlyMap<string, Resolved>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [path, { value }] of resolved) {
    if (value === undefined) continue;
    const keys = path.split(".");
    let section = root;
    for (const key of keys.slice(0, -1)) section = (section[key] ??= {}) as Record<string, unknown>;
    section[keys.at(-1)!] = value;
  }
  return root;
}

/** Settings that contradict each other, or that would leave the gateway open without anybody having said so. */
function refuseImpossible(config: Config, source: (path: string) => string): void {
  const { tls, tlsCert, tlsKey, listen } = config;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const [given, missing] = tlsCert === undefined ? ["tlsKey", "--tls-cert"] : ["tlsCert", "--tls-key"];
    throw new UserError(`${source(given!)} needs ${missing}: a certificate and its key go together`);
  }
  if (tlsCert !== undefined && source("tls") !== "default") {
    throw new UserError(
      `${source("tls")} (tls ${tls}) and ${source("tlsCert")} contradict each other: give one of them`,
    );
  }
  const encrypted = tls === "auto" || tlsCert !== undefined;
  if (!encrypted && !config.insecureListen && !isLoopback(listen.hostname)) {
    throw new UserError(
      `${
        source("listen")
      }: ${listen.hostname} is reachable from other machines and TLS is off: add --tls auto, ` +
        "or --insecure-listen if something in front of the gateway encrypts",
    );
  }
  const broker = config.mqtt.listen;
  if (broker !== null && !encrypted && !config.insecureListen && !isLoopback(broker.hostname)) {
    throw new UserError(
      `${
        source("mqtt.listen")
      }: ${broker.hostname} is reachable from other machines and TLS is off: tokens ` +
        "would travel in the clear; add --tls auto, or --insecure-listen",
    );
  }
}

/** Whether only this machine can reach the host. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
