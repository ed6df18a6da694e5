/**
 * Names of devices as people give them, and what this machine is called as one.
 *
 * @module
 */
import { hostname } from "node:os";
import { MAX_DEVICE_NAME } from "../../protocol/limits.ts";
import { deviceNameProblem } from "../../protocol/topics.ts";
import { UserError } from "../errors.ts";

/** The first label of a host's name with what a device name may not hold replaced; `host` where nothing is left. */
export function deviceNameOf(host: string): string {
  return nearestName(host.split(".")[0]!) || "host";
}

/** The text with what a device name may not hold replaced; empty where nothing is left. */
function nearestName(text: string): string {
  const kept = text.replaceAll(/[^A-Za-z0-9._-]+/g, "-");
  return kept.replaceAll(/^[^A-Za-z0-9]+|-+$/g, "").slice(0, MAX_DEVICE_NAME);
}

/**
 * Refuses a name that cannot be a device's.
 *
 * @param where What it was given as, e.g. `--device`.
 * @throws {UserError} with a name that could be one.
 */
export function checkDeviceName(name: string, where: string): void {
  const problem = deviceNameProblem(name);
  if (problem !== undefined) {
    throw new UserError(`${where}: ${problem}; try ${nearestName(name) || "pump-7"}`);
  }
}

/**
 * The name given, or this machine's.
 *
 * @throws {UserError} when the name given cannot be a device's.
 */
export function deviceName(given: string | undefined): string {
  if (given === undefined) return deviceNameOf(thisHost());
  checkDeviceName(given, "--device");
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
