/**
 * What this machine is called as a device.
 *
 * @module
 */
import { hostname } from "node:os";
import { MAX_DEVICE_NAME } from "../../protocol/limits.ts";
import { deviceNameProblem } from "../../protocol/topics.ts";
import { UserError } from "../errors.ts";

/** The first label of a host's name with what a device name may not hold replaced; `host` where nothing is left. */
export function deviceNameOf(host: string): string {
  const label = host.split(".")[0]!.replaceAll(/[^A-Za-z0-9_-]+/g, "-");
  return label.replaceAll(/^[^A-Za-z0-9]+|-+$/g, "").slice(0, MAX_DEVICE_NAME) || "host";
}

/**
 * The name given, or this machine's.
 *
 * @throws {UserError} when the name given cannot be a device's.
 */
export function deviceName(given: string | undefined): string {
  if (given === undefined) return deviceNameOf(thisHost());
  const problem = deviceNameProblem(given);
  if (problem) throw new UserError(`--device: ${problem}`);
  return given;
}

function thisHost(): string {
  try {
    return hostname();
  } catch {
    // The runtime may withhold it.
    return "host";
  }
}
