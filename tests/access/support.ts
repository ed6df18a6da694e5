/**
 * A store in memory and a clock that tests turn.
 *
 * @module
 */
import { type Access, type AccessOptions, openAccess } from "../../access/access.ts";
import type { StoredDevice } from "../../access/devices.ts";
import type { StoredToken } from "../../access/token_rows.ts";

/** Keeps the rows that are put; `fail` makes the next put reject. */
export class MemoryStore {
  readonly boot: { tokens: StoredToken[]; devices: StoredDevice[] } = { tokens: [], devices: [] };
  readonly tokens = new Map<string, StoredToken>();
  readonly devices = new Map<string, StoredDevice>();
  puts = 0;
  fail: Error | undefined;
  /** When set, puts wait for it. */
  hold: Promise<void> | undefined;

  async putToken(row: StoredToken): Promise<void> {
    await this.#put();
    this.tokens.set(row.id, row);
  }

  async putDevice(row: StoredDevice): Promise<void> {
    await this.#put();
    this.devices.set(row.name, row);
  }

  /** The store as the next run of the gateway finds it. */
  restarted(): MemoryStore {
    const next = new MemoryStore();
    next.boot.tokens = [...this.tokens.values()];
    next.boot.devices = [...this.devices.values()];
    return next;
  }

  async #put(): Promise<void> {
    this.puts++;
    await this.hold;
    if (this.fail) throw this.fail;
  }
}

/** A clock in milliseconds. */
export class Clock {
  ms = 1_700_000_000_000;
  readonly now = () => this.ms;
}

/** An access part over a store in memory. */
export function testAccess(
  options: Partial<AccessOptions> & { memory?: MemoryStore } = {},
): Access & { store: MemoryStore; clock: Clock } {
  const store = options.memory ?? new MemoryStore();
  const clock = new Clock();
  return { ...openAccess({ store, now: clock.now, ...options }), store, clock };
}

/** Lets everything that is already resolved run. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
