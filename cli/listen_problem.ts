/**
 * Why an address cannot be listened on, and what to do about it. Runtimes name these errors differently.
 *
 * @module
 */
import { messageOf } from "./errors.ts";
import { formatAddress } from "./setting.ts";

/** What happened and what to do. */
export interface ListenProblem {
  message: string;
  advice?: string;
}

/** Explains the error of an attempt to listen; undefined when it is about something else. */
export function listenProblem(
  listen: { hostname: string; port: number },
  error: unknown,
): ListenProblem | undefined {
  const { code, name } = error as { code?: unknown; name?: unknown };
  const address = formatAddress(listen);
  for (const kind of [code, name]) {
    switch (kind) {
      case "EADDRINUSE":
      case "AddrInUse":
        return {
          message: `${address} is taken by another program`,
          advice: `stop it (find it with: ss -ltnp 'sport = :${listen.port}'), or give --listen another port`,
        };
      case "EACCES":
      case "PermissionDenied":
        return {
          message: `this user may not listen on ${address}`,
          advice: "take a port from 1024 on, or give the program the capability CAP_NET_BIND_SERVICE",
        };
      case "EINVAL": // what Deno's node:net makes of it
      case "EADDRNOTAVAIL":
      case "AddrNotAvailable":
        return {
          message: `${listen.hostname} is no address of this machine`,
          advice: "give --listen one that it has, or :PORT for all of them",
        };
      case "ENOTFOUND":
      case "EAI_AGAIN":
        return {
          message: `${listen.hostname} is no name that this machine can look up: ${messageOf(error)}`,
        };
    }
  }
  return undefined;
}
