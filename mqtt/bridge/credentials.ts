/**
 * What a bridge connects with, read from its files for each attempt.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import type { IClientOptions } from "mqtt";
import { type BridgeConfig, SCHEMES } from "./config.ts";

/** The library's options for a bridge, without its will. @throws when a file cannot be read. */
export async function clientOptions(config: BridgeConfig, clientId: string): Promise<IClientOptions> {
  const url = new URL(config.url);
  const protocol = url.protocol.slice(0, -1) as "mqtt" | "mqtts" | "ws" | "wss";
  const username = config.username ?? decoded(url.username);
  const password = config.password ??
    (config.passwordFile === undefined
      ? decoded(url.password)
      : (await read(config.passwordFile, "passwordFile")).trimEnd());
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    protocol,
    host: hostname,
    hostname,
    port: Number(url.port) || SCHEMES[url.protocol]!,
    ...(protocol === "ws" || protocol === "wss" ? { path: url.pathname + url.search } : {}),
    protocolVersion: config.version,
    clientId,
    clean: config.clean,
    keepalive: config.keepaliveS,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...await tlsOptions(config, hostname),
    ...(config.version === 5
      ? {
        properties: {
          receiveMaximum: config.window,
          ...(config.clean ? {} : { sessionExpiryInterval: config.sessionExpiryS }),
        },
      }
      : {}),
  };
}

async function tlsOptions(config: BridgeConfig, hostname: string): Promise<Partial<IClientOptions>> {
  if (!/^(?:mqtts|wss):/.test(config.url)) return {};
  const { caFile, certFile, keyFile, serverName } = config;
  const material = {
    ...(caFile === undefined ? {} : { ca: await read(caFile, "caFile") }),
    ...(certFile === undefined ? {} : { cert: await read(certFile, "certFile") }),
    ...(keyFile === undefined ? {} : { key: await read(keyFile, "keyFile") }),
    // Server Name Indication is for names only (RFC 6066 section 3).
    ...(serverName !== undefined || !/^[\d.]+$|:/.test(hostname)
      ? { servername: serverName ?? hostname }
      : {}),
    rejectUnauthorized: true,
  };
  // Over WebSocket the library hands its TLS options on only in `wsOptions`.
  return config.url.startsWith("wss:") ? { ...material, wsOptions: material } : material;
}

async function read(file: string, setting: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Error(`${setting} ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function decoded(text: string): string | undefined {
  return text === "" ? undefined : decodeURIComponent(text);
}
