/**
 * A token for the machine it runs on: kept in a file of its owner's, made through the gateway's interface where
 * the caller may do that.
 *
 * @module
 */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { addDevice, callList } from "../api.ts";
import { type ApiClient, overHttp } from "../connect.ts";
import { EXIT, messageOf, UserError } from "../errors.ts";

/** A device and its token. */
export interface DeviceCredentials {
  device: string;
  token: string;
}

/** Readable and writable by the owner, by nobody else. */
const OWNER_ONLY = 0o600;

/** Where a device's token is kept in a folder; one file each, so that two agents do not take each other's. */
export function credentialsFile(folder: string, device: string): string {
  return join(folder, `agent-${device}.json`);
}

/** What an earlier run kept for `device`. */
export async function readCredentials(file: string, device: string): Promise<DeviceCredentials | undefined> {
  try {
    const kept: Partial<DeviceCredentials> | null = JSON.parse(await readFile(file, "utf8"));
    if (kept?.device === device && typeof kept.token === "string") return { device, token: kept.token };
  } catch {
    // None yet, or not ours: a new token is made.
  }
  return undefined;
}

/** Keeps a token for the next run. */
export async function writeCredentials(file: string, credentials: DeviceCredentials): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    const draft = `${file}.new`;
    await writeFile(draft, JSON.stringify(credentials) + "\n", { mode: OWNER_ONLY });
    await rename(draft, file);
  } catch (error) {
    throw new UserError(`the device's token cannot be kept in ${file}: ${messageOf(error)}`, EXIT.failed);
  }
}

interface KnownDevice {
  name: string;
  revokedAt: string | null;
}

/**
 * A valid token for `device`, the one kept in `file` where it still holds. A device that an operator revoked
 * stays revoked.
 *
 * @param api Acts as an operator.
 * @throws {UserError} when the name is somebody else's, or the device was revoked.
 */
export async function ensureDevice(api: ApiClient, device: string, file: string): Promise<DeviceCredentials> {
  const kept = await readCredentials(file, device);
  const known = await findDevice(api, device);
  if (known && known.revokedAt !== null) {
    throw new UserError(
      `device ${device} was revoked; to let it in again: tidegate device add ${device} --replace`,
      EXIT.refused,
    );
  }
  if (known && kept) {
    await refuseReplaced(api, kept);
    return kept;
  }
  if (known) {
    throw new UserError(
      `a device ${device} exists already, and its token is not in ${file}: give --device another name, or ` +
        "--token its token",
      EXIT.failed,
    );
  }
  const added = await addDevice(api, { name: device, description: "host agent" });
  await writeCredentials(file, added);
  return added;
}

/** A token that does not hold any more would be tried for ever: the SDK cannot tell why a handshake failed. */
async function refuseReplaced(api: ApiClient, { device, token }: DeviceCredentials): Promise<void> {
  if (api.url === undefined) return;
  const response = await overHttp(api.url, token, api.certificate).request("/v1/topics");
  await response.body?.cancel();
  if (response.status === 401) {
    throw new UserError(
      `the token of device ${device} was replaced: give the new one with --token`,
      EXIT.refused,
    );
  }
}

async function findDevice(api: ApiClient, device: string): Promise<KnownDevice | undefined> {
  const known = await callList<KnownDevice>(api, "/v1/devices", "devices");
  return known.find(({ name }) => name === device);
}
