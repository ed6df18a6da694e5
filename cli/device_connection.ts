/**
 * The SDK's options for a device of this program.
 *
 * @module
 */
import type { DeviceOptions } from "../client/device.ts";
import type { Target } from "./connect.ts";
import type { CliRuntime } from "./parts.ts";
import { VERSION } from "./version.ts";

/** Options for a device that connects to `target`; `part` says which part of the program it is. */
export function deviceConnection(
  runtime: Pick<CliRuntime, "trustingWebSocket">,
  { url, certificate }: Target,
  part: "agent" | "simulate",
): Pick<DeviceOptions, "url" | "client" | "environment"> {
  return {
    url,
    client: `tidegate ${part} ${VERSION}`,
    ...(certificate === undefined
      ? {}
      : { environment: { WebSocket: runtime.trustingWebSocket(certificate) } }),
  };
}
