/**
 * How the other commands reach the gateway: over HTTP where one runs, else by the same routes over its database,
 * opened in this process.
 *
 * @module
 */
import type { Command } from "commander";
import { readdir, readFile } from "node:fs/promises";
import type { Context } from "./context.ts";
import { EXIT, messageOf, UserError } from "./errors.ts";
import { httpRequest } from "./http.ts";
import { loadConfig } from "./load_config.ts";
import type { LocalApi } from "./parts.ts";
import { liveRun } from "./probe.ts";

/** How long a command waits for an answer; reading a long history takes a while. */
const ANSWER_WITHIN_MS = 60_000;

/** Options that say where the gateway is. */
export interface GatewayOptions {
  url?: string;
  token?: string;
  data?: string;
  ca?: string;
  json?: boolean;
}

/** Adds the options of {@link GatewayOptions} to a command. */
export function withGatewayOptions(command: Command): Command {
  return command
    .option("--url <URL>", "gateway, e.g. https://gateway.example:8443 (or TIDEGATE_URL)")
    .option("--token <TOKEN>", "token for it (or TIDEGATE_TOKEN)")
    .option("--ca <FILE>", "certificate to trust, PEM, for a self-signed gateway (or TIDEGATE_CA)")
    .option("--data <DIR>", "data folder of a gateway on this machine, running or not (or TIDEGATE_DATA)")
    .option("--json", "print JSON");
}

/** The gateway's HTTP interface, wherever it is. */
export interface ApiClient {
  /** Address for people and for connecting to; undefined when the database is opened in this process. */
  readonly url: string | undefined;
  /** The token that requests carry; undefined when the database is opened in this process. */
  readonly token: string | undefined;
  /** PEM to trust besides the system's, where the gateway's certificate is self-signed. */
  readonly certificate: string | undefined;
  /** Sends a request; `path` starts with a slash. */
  request(path: string, init?: ApiRequest): Promise<Response>;
  close(): Promise<void>;
}

/** What a request may carry; `body` goes as JSON. */
export interface ApiRequest {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  body?: unknown;
}

/** Whether a command may start a database where there is none. */
export type Missing = "refuse" | "create";

/**
 * Finds the gateway: `--url`, else the one that runs over the data folder, else that folder's database.
 *
 * @throws {UserError} saying what was tried and what to give.
 */
export async function connect(
  context: Context,
  options: GatewayOptions,
  missing: Missing = "refuse",
): Promise<ApiClient> {
  const target = await namedTarget(context, options);
  if (target) {
    const token = options.token ?? context.io.env.TIDEGATE_TOKEN;
    if (token === undefined) {
      throw new UserError(`${target.url} wants a token: give --token or set TIDEGATE_TOKEN`);
    }
    return overHttp(target.url, token, target.certificate);
  }
  const dataDir = await dataFolder(context, options);
  const run = await liveRun(dataDir);
  // TIDEGATE_TOKEN belongs to TIDEGATE_URL, not to the gateway on this machine.
  if (run) return overHttp(run.url, options.token ?? run.token, run.certificate);
  return await overDatabase(context, dataDir, missing);
}

/** A gateway that was named by its address. */
export interface Target {
  url: string;
  certificate: string | undefined;
}

/**
 * The gateway that `--url` or the environment names; undefined when neither does, or `--data` goes before.
 *
 * @throws {UserError} when the address cannot be read.
 */
export async function namedTarget({ io }: Context, options: GatewayOptions): Promise<Target | undefined> {
  const url = options.url ?? (options.data === undefined ? io.env.TIDEGATE_URL : undefined);
  if (url === undefined) return undefined;
  const ca = options.ca ?? io.env.TIDEGATE_CA;
  return { url: checkedUrl(url), certificate: ca === undefined ? undefined : await readCertificate(ca) };
}

/** The data folder, found as `serve` finds it. */
export async function dataFolder({ io }: Context, { data }: GatewayOptions): Promise<string> {
  return (await loadConfig({ flags: data === undefined ? {} : { data }, env: io.env })).config.data;
}

function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UserError(`--url: expected http://HOST:PORT or https://HOST:PORT, got ${JSON.stringify(text)}`);
  }
  if (!/^https?:$/.test(url.protocol)) {
    throw new UserError(`--url: expected http:// or https://, got ${JSON.stringify(text)}`);
  }
  return url.origin;
}

async function readCertificate(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UserError(`--ca ${file} cannot be read: ${messageOf(error)}`);
  }
}

/** What to do about a certificate that is not trusted. */
const TRUST = "if the gateway made its certificate itself, give a copy of DATA/tls/cert.pem with --ca";

/** The interface of a gateway at a known address. */
export function overHttp(url: string, token: string, certificate: string | undefined): ApiClient {
  return {
    url,
    token,
    certificate,
    async request(path, { method = "GET", body } = {}) {
      try {
        return await httpRequest(url + path, {
          method,
          headers: { authorization: `Bearer ${token}`, ...jsonHeader(body) },
          timeoutMs: ANSWER_WITHIN_MS,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          ...(certificate === undefined ? {} : { certificate }),
        });
      } catch (error) {
        const why = messageOf(error);
        const advice = /certificate/i.test(why) ? `; ${TRUST}` : "";
        throw new UserError(`no gateway answers at ${url}: ${why}${advice}`, EXIT.unreachable);
      }
    },
    close: () => Promise.resolve(),
  };
}

const jsonHeader = (body: unknown): Record<string, string> =>
  body === undefined ? {} : { "content-type": "application/json" };

async function overDatabase(context: Context, dataDir: string, missing: Missing): Promise<ApiClient> {
  if (missing === "refuse" && await isEmpty(dataDir)) {
    throw new UserError(
      `no gateway runs over ${dataDir} and it holds no database: give --data DIR, or --url and --token`,
      EXIT.unreachable,
    );
  }
  let local: LocalApi;
  try {
    local = await context.parts.openLocalApi(dataDir);
  } catch (error) {
    throw new UserError(`the database in ${dataDir} cannot be opened: ${messageOf(error)}`, EXIT.unreachable);
  }
  return {
    url: undefined,
    token: undefined,
    certificate: undefined,
    request: (path, { method = "GET", body } = {}) =>
      local.request(path, {
        method,
        headers: jsonHeader(body),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    close: () => local.close(),
  };
}

async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).length === 0;
  } catch {
    return true;
  }
}
