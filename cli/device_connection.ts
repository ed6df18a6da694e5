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
export async function deviceConnection(
  runtime: Pick<CliRuntime, "webSocketClient">,
  { url, certificate }: Target,
  part: "agent" | "simulate",
  sockets: OpenSockets,
): Promise<Pick<DeviceOptions, "url" | "client" | "environment">> {
  const base = await runtime.webSocketClient(certificate);
  return { url, client: `tidegate ${part} ${VERSION}`, environment: { WebSocket: sockets.watching(base) } };
}
