/**
 * The devices that an operator added or approved.
 *
 * @module
 */
import { deviceNameProblem } from "../protocol/topics.ts";
import { AccessError } from "./errors.ts";
import type { CreatedToken, TokenService } from "./tokens.ts";

/** Longest description of a device in characters, as `hello.enrol` carries it. */
export const MAX_DESCRIPTION = 256;

/** Most devices that may exist at a time; revoked ones do not count. */
export const MAX_DEVICES = 100_000;

/** How often the time a device was last seen is written at most, in milliseconds. */
const LAST_SEEN_EVERY_MS = 60_000;

/** A device as it is stored. Times in milliseconds since 1970. */
export interface StoredDevice {
  name: string;
  description: string;
  createdAt: number;
  lastSeenAt: number | null;
  revokedAt: number | null;
}

/** Where devices are kept between runs. */
export interface DeviceStore {
  putDevice(row: StoredDevice): Promise<void>;
}

/** Options of {@link DeviceRegistry}. */
export interface DeviceRegistryOptions {
  store: DeviceStore;
  /** Devices of earlier runs. */
  devices: readonly StoredDevice[];
  tokens: TokenService;
  /** Clock in milliseconds since 1970; default `Date.now`. */
  now?: () => number;
  /** Told when the time last seen could not be stored. */
  onError?: (error: unknown) => void;
}

/** How to add a device. */
export interface AddDevice {
  description?: string;
  /** Take a known device over: its tokens are revoked, its live sessions end, and it gets a new token. */
  replace?: boolean;
}

/** A device just added, with its token, shown this once. */
export interface AddedDevice extends CreatedToken {
  device: StoredDevice;
}

/** Every device of this gateway. */
export class DeviceRegistry {
  readonly #rows = new Map<string, StoredDevice>();
  /** Names being added, so that two requests at once do not both get a token. */
  readonly #adding = new Set<string>();
  readonly #store: DeviceStore;
  readonly #tokens: TokenService;
  readonly #now: () => number;
  readonly #onError: (error: unknown) => void;

  constructor(options: DeviceRegistryOptions) {
    this.#store = options.store;
    this.#tokens = options.tokens;
    this.#now = options.now ?? Date.now;
    this.#onError = options.onError ?? (() => {});
    for (const row of options.devices) this.#rows.set(row.name, { ...row });
  }

  /** Every device by name; revoked ones too. */
  list(): StoredDevice[] {
    return [...this.#rows.values()].map((row) => ({ ...row })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The device of this name. */
  get(name: string): StoredDevice | undefined {
    const row = this.#rows.get(name);
    return row && { ...row };
  }

  /** Whether a device of this name is known and not revoked. */
  active(name: string): boolean {
    return this.#rows.get(name)?.revokedAt === null;
  }

  /**
   * Adds a device, or a revoked one again, and makes its token.
   *
   * @throws {AccessError} `invalid`, `conflict` when it exists and `replace` is not set, or `limit`.
   */
  async add(name: string, options: AddDevice = {}): Promise<AddedDevice> {
    const description = options.description ?? "";
    this.#checkAdd(name, description, options.replace ?? false);
    this.#adding.add(name);
    try {
      if (this.#rows.has(name)) await this.#tokens.revokeDevice(name);
      const now = this.#now();
      const known = this.#rows.get(name);
      const device: StoredDevice = {
        name,
        description: description || (known?.description ?? ""),
        createdAt: known?.createdAt ?? now,
        lastSeenAt: known?.lastSeenAt ?? null,
        revokedAt: null,
      };
      await this.#store.putDevice({ ...device });
      this.#rows.set(name, device);
      const created = await this.#tokens.create({ role: "device", device: name, label: name });
      if (device.revokedAt !== null) {
        await this.#tokens.revoke(created.info.id);
        throw new AccessError("conflict", `device ${name} was revoked while it was being added`, "name");
      }
      return { device: { ...device }, ...created };
    } finally {
      this.#adding.delete(name);
    }
  }

  /**
   * Revokes a device: all its tokens, and with them its live sessions, end at once.
   *
   * @throws {AccessError} `not_found`.
   */
  async revoke(name: string): Promise<StoredDevice> {
    const row = this.#rows.get(name);
    if (!row) throw new AccessError("not_found", `there is no device ${JSON.stringify(name)}`);
    // The tokens end synchronously within this call, before anything is awaited.
    const tokens = this.#tokens.revokeDevice(name);
    row.revokedAt ??= this.#now();
    await Promise.all([tokens, this.#store.putDevice({ ...row })]);
    return { ...row };
  }

  /** Notes that the device is connected, in memory at once and on disk at most once a minute. */
  seen(name: string): void {
    const row = this.#rows.get(name);
    if (!row) return;
    const now = this.#now();
    if (row.lastSeenAt !== null && now - row.lastSeenAt < LAST_SEEN_EVERY_MS) return;
    row.lastSeenAt = now;
    this.#store.putDevice({ ...row }).catch(this.#onError);
  }

  #checkAdd(name: string, description: string, replace: boolean): void {
    const problem = deviceNameProblem(name);
    if (problem) throw new AccessError("invalid", problem, "name");
    if (description.length > MAX_DESCRIPTION) {
      throw new AccessError(
        "invalid",
        `a description of ${description.length} characters is above the limit of ${MAX_DESCRIPTION}`,
        "description",
      );
    }
    if (this.#adding.has(name)) {
      throw new AccessError("conflict", `device ${name} is being added already`, "name");
    }
    if (this.active(name) && !replace) {
      throw new AccessError(
        "conflict",
        `device ${name} exists already; revoke it first, or ask to replace it, which revokes its tokens`,
        "name",
      );
    }
    if (this.#rows.size >= MAX_DEVICES && this.#activeDevices() >= MAX_DEVICES) {
      throw new AccessError("limit", `${MAX_DEVICES} devices exist, the most there may be; revoke some`);
    }
  }
  #activeDevices(): number {
    let active = 0;
    for (const { revokedAt } of this.#rows.values()) if (revokedAt === null) active++;
    return active;
  }
}
