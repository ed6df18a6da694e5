/**
 * Devices that have no token and ask for one. A request waits on its open connection until an operator, who
 * sees the same code as the device shows, approves or rejects it. Nothing is stored: a device whose connection
 * ends asks again.
 *
 * @module
 */
import { deviceNameProblem } from "../protocol/topics.ts";
import { addressKey } from "./address.ts";
import type { AddedDevice, DeviceRegistry } from "./devices.ts";
import { AccessError } from "./errors.ts";
import { randomName } from "./random.ts";

/** Most requests that wait at a time: an operator can look through that many. */
export const MAX_PENDING = 64;

/** Most requests that wait from one address, so that one peer cannot fill the list. */
export const MAX_PENDING_PER_ADDRESS = 4;

/** How long a request waits for an operator, in milliseconds. */
export const ENROLMENT_WAIT_MS = 15 * 60_000;

/** A request that waits. */
export interface Enrolment {
  id: string;
  /** Shown by the device and to the operator, who compares: `K7QF-2M8X`. */
  code: string;
  device: string;
  description: string;
  /** Address of the peer. */
  remote: string;
  /** Milliseconds since 1970. */
  requestedAt: number;
  expiresAt: number;
  /** Whether a device of this name exists already: approving then needs `replace`. */
  known: boolean;
}

/** How a request ended. */
export type EnrolmentOutcome =
  | { status: "approved"; added: AddedDevice }
  | { status: "rejected" | "expired" | "withdrawn" };

/** A request under way, in the hands of the session that made it. */
export interface PendingEnrolment {
  id: string;
  code: string;
  /** Never rejects. */
  outcome: Promise<EnrolmentOutcome>;
  /** The device is gone: takes the request off the list. */
  withdraw(): void;
}

/** Options of {@link Enrolments}. */
export interface EnrolmentsOptions {
  devices: DeviceRegistry;
  /** false refuses every request. Default true: a request that waits grants nothing. */
  enabled?: boolean;
  /** Clock in milliseconds since 1970; default `Date.now`. */
  now?: () => number;
}

interface Entry {
  enrolment: Omit<Enrolment, "known">;
  address: string;
  /** An approval is being stored; a second one must not start. */
  approving: boolean;
  settle(outcome: EnrolmentOutcome): void;
}

/** Every request that waits. */
export class Enrolments {
  readonly #waiting = new Map<string, Entry>();
  readonly #devices: DeviceRegistry;
  readonly #enabled: boolean;
  readonly #now: () => number;

  constructor(options: EnrolmentsOptions) {
    this.#devices = options.devices;
    this.#enabled = options.enabled ?? true;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Puts a device's request on the list.
   *
   * @throws {AccessError} `invalid` for a bad name; `limit` when too many wait or enrolment is switched off.
   */
  request(device: string, remote: string, description = ""): PendingEnrolment {
    this.sweep();
    const problem = deviceNameProblem(device);
    if (problem) throw new AccessError("invalid", problem, "device");
    const address = addressKey(remote);
    this.#checkRoom(address);
    const requestedAt = this.#now();
    const id = randomName(12);
    const code = this.#freeCode();
    const expiresAt = requestedAt + ENROLMENT_WAIT_MS;
    const { promise, resolve } = Promise.withResolvers<EnrolmentOutcome>();
    this.#waiting.set(id, {
      enrolment: { id, code, device, description: description.slice(0, 256), remote, requestedAt, expiresAt },
      address,
      approving: false,
      settle: resolve,
    });
    return { id, code, outcome: promise, withdraw: () => this.#settle(id, { status: "withdrawn" }) };
  }

  /** What waits, oldest first. */
  list(): Enrolment[] {
    this.sweep();
    return [...this.#waiting.values()].map(({ enrolment }) => this.#describe(enrolment));
  }

  /**
   * Adds the device and hands its token to the waiting session.
   *
   * @param codeOrId The code in any case, with or without its hyphen, or the id.
   * @throws {AccessError} `not_found`, or `conflict` when the device exists and `replace` is not set; the
   * request then goes on waiting.
   */
  async approve(codeOrId: string, options: { replace?: boolean } = {}): Promise<Enrolment> {
    const entry = this.#find(codeOrId);
    const { id, device, description } = entry.enrolment;
    if (entry.approving) throw new AccessError("conflict", `enrolment ${id} is being approved already`);
    const described = this.#describe(entry.enrolment);
    entry.approving = true;
    try {
      const added = await this.#devices.add(device, { description, replace: options.replace ?? false });
      if (!this.#settle(id, { status: "approved", added })) {
        // The device went away meanwhile: nobody holds this token, so nobody shall be able to use it.
        await this.#devices.revoke(device);
        throw new AccessError("not_found", `device ${device} disconnected before its enrolment was stored`);
      }
      return described;
    } finally {
      entry.approving = false;
    }
  }

  /**
   * Turns a request down.
   *
   * @throws {AccessError} `not_found`.
   */
  reject(codeOrId: string): Enrolment {
    const { enrolment } = this.#find(codeOrId);
    const described = this.#describe(enrolment);
    this.#settle(enrolment.id, { status: "rejected" });
    return described;
  }

  /** Ends requests that waited too long. To be called every few seconds. */
  sweep(): void {
    const now = this.#now();
    for (const { enrolment, approving } of [...this.#waiting.values()]) {
      if (enrolment.expiresAt <= now && !approving) this.#settle(enrolment.id, { status: "expired" });
    }
  }

  #checkRoom(address: string): void {
    if (!this.#enabled) throw new AccessError("limit", "enrolment is switched off on this gateway");
    if (this.#waiting.size >= MAX_PENDING) {
      throw new AccessError(
        "limit",
        `${MAX_PENDING} enrolments wait already, the most allowed; try again later`,
      );
    }
    let same = 0;
    for (const entry of this.#waiting.values()) if (entry.address === address) same++;
    if (same >= MAX_PENDING_PER_ADDRESS) {
      throw new AccessError(
        "limit",
        `${same} enrolments from this address wait already, the most allowed; try again later`,
      );
    }
  }

  #freeCode(): string {
    for (;;) {
      const letters = randomName(8).toUpperCase();
      const code = `${letters.slice(0, 4)}-${letters.slice(4)}`;
      if (![...this.#waiting.values()].some(({ enrolment }) => enrolment.code === code)) return code;
    }
  }

  #find(codeOrId: string): Entry {
    this.sweep();
    const byId = this.#waiting.get(codeOrId);
    if (byId) return byId;
    // As Crockford's base 32 is read: case and hyphens do not count, O is 0, I and L are 1.
    const letters = codeOrId.toUpperCase().replaceAll(/[^0-9A-Z]/g, "").replaceAll("O", "0").replaceAll(
      /[IL]/g,
      "1",
    );
    for (const entry of this.#waiting.values()) {
      if (entry.enrolment.code.replace("-", "") === letters) return entry;
    }
    throw new AccessError(
      "not_found",
      `no enrolment with code or id ${JSON.stringify(codeOrId.slice(0, 32))} waits; the device may have gone`,
    );
  }

  #describe(enrolment: Omit<Enrolment, "known">): Enrolment {
    return { ...enrolment, known: this.#devices.active(enrolment.device) };
  }

  #settle(id: string, outcome: EnrolmentOutcome): boolean {
    const entry = this.#waiting.get(id);
    if (!entry) return false;
    this.#waiting.delete(id);
    entry.settle(outcome);
    return true;
  }
}
