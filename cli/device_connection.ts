/**
 * The SDK's options for a device of this program.
 *
 * @module
 */
import type { DeviceOptions } from "../client/mod.ts";
import type { Target } from "./connect.ts";
import type { OpenSockets } from "./open_sockets.ts";
import type { CliRuntime } from "./parts.ts";
import { VERSION } from "./version.ts";

/** Options for a device that connects to `target`; `part` says which part of the program it is. */
export function deviceConnection(
  runtime: Pick<CliRuntime, "trustingWebSocket">,
  { url, certificate }: Target,
  part: "agent" | "simulate",
  sockets: OpenSockets,
): Pick<DeviceOptions, "url" | "client" | "environment"> {
  const base = certificate === undefined ? WebSocket : runtime.trustingWebSocket(certificate);
  return { url, client: `tidegate ${part} ${VERSION}`, environment: { WebSocket: sockets.watching(base) } };
}
