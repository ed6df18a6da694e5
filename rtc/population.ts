/**
 * All peers of a gateway, whatever way they were signalled: the limits on their number, and the one sweep that finds
 * the dead among them.
 *
 * @module
 */
import { RtcRefusal } from "./refusal.ts";
import type { RtcSettings } from "./settings.ts";

/** How often peers are looked at, in milliseconds. */
const SWEEP_EVERY_MS = 1_000;

/** With this long between two looks, in milliseconds, it was this process that stood still, not its peers. */
const STALLED_MS = 3_000;

/** A peer, or the negotiation of one. */
export interface Member {
  /** Address that it is counted by. */
  readonly host: string;
  /** Whether it has no open channel yet. */
  readonly pending: boolean;
  /** Looks at its deadlines. @param nowMs Milliseconds of the steady clock. */
  sweep(nowMs: number): void;
  /** Ends it. */
  close(): void;
}

/** The peers. */
export class Population {
  readonly #members = new Set<Member>();
  #sweptMs = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(readonly limits: Pick<RtcSettings, "maxPeers" | "maxPendingPerAddress">) {}

  /** Peers at this moment, those that are still being negotiated included. */
  get size(): number {
    return this.#members.size;
  }

  /** @throws {RtcRefusal} when another peer of this address cannot be taken now. */
  admit(host: string): void {
    const { maxPeers, maxPendingPerAddress } = this.limits;
    if (this.#members.size >= maxPeers) {
      throw new RtcRefusal("peer_limit", `the gateway has its limit of ${maxPeers} WebRTC peers`);
    }
    let pending = 0;
    for (const one of this.#members) if (one.pending && one.host === host) pending++;
    if (pending < maxPendingPerAddress) return;
    throw new RtcRefusal(
      "address_limit",
      `${pending} negotiations with ${host} are unfinished, the limit is ${maxPendingPerAddress}`,
    );
  }

  /** Takes one in, until `delete`. */
  add(member: Member): void {
    this.#members.add(member);
    if (this.#timer !== undefined) return;
    this.#sweptMs = performance.now();
    this.#timer = setInterval(() => this.sweep(performance.now()), SWEEP_EVERY_MS);
  }

  delete(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Ends all. */
  stop(): void {
    for (const one of [...this.#members]) one.close();
  }

  /**
   * Looks at the deadlines of all, as happens by itself every second. After a stall none is held against anybody
   * before the next look: what was heard meanwhile waits to be read.
   *
   * @param nowMs Milliseconds of the steady clock.
   */
  sweep(nowMs: number): void {
    const stalled = nowMs - this.#sweptMs > STALLED_MS;
    this.#sweptMs = nowMs;
    if (stalled) return;
    for (const one of [...this.#members]) one.sweep(nowMs);
  }
}

/** The address in `address:port`, by which peers are counted. */
export function hostOf(remote: string): string {
  return remote.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
