/**
 * Whether the primary host application is there, by its STATE messages (Sparkplug 3.0 sections 4.2.5 and 5.4).
 *
 * @module
 */

/** What a STATE message changes. */
export type HostNews = { kind: "online" } | { kind: "offline" } | { kind: "ignored"; why: string };

/** The primary host application as its messages tell. */
export class HostState {
  /** Kept from connection to connection, to tell old news from new. */
  #lastMs: number | undefined;

  /** Takes a STATE message. */
  take(payload: string): HostNews {
    const state = parsed(payload);
    if (!state) {
      return { kind: "ignored", why: `${payload.slice(0, 80)} is not {"online": …, "timestamp": …}` };
    }
    // The death of an earlier connection of the host's may arrive behind the birth of its next.
    if (this.#lastMs !== undefined && state.timestamp < this.#lastMs) {
      return { kind: "ignored", why: `its time ${state.timestamp} is before ${this.#lastMs}, heard before` };
    }
    this.#lastMs = state.timestamp;
    return { kind: state.online ? "online" : "offline" };
  }
}

function parsed(payload: string): { online: boolean; timestamp: number } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { online, timestamp } = value as { online?: unknown; timestamp?: unknown };
  return typeof online === "boolean" && typeof timestamp === "number" ? { online, timestamp } : undefined;
}
