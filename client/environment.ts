/**
 * What the SDK needs of its surroundings: sockets, a monotonic clock, timers, chance. Tests put their own in.
 *
 * @module
 */

import type { LaneTimers } from "../protocol/state_lane.ts";
import type { PeerConnectionConstructor } from "./rtc_types.ts";

/** The part of the browser's `WebSocket` that the SDK uses. */
export interface WebSocketLike {
  /** 1 while messages can be sent. */
  readonly readyState: number;
  binaryType: string;
  readonly bufferedAmount: number;
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** Makes a WebSocket; the global `WebSocket` is one. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** The part of `fetch` that the SDK uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The SDK's surroundings. */
export interface Environment {
  WebSocket: WebSocketConstructor;
  /** Without one, samples stay on the WebSocket. Browsers have it; elsewhere a package's can be put in. */
  RTCPeerConnection?: PeerConnectionConstructor | undefined;
  /** For signalling over HTTP. */
  fetch: Fetch;
  /** Microseconds since 1970 by a clock that never steps back while the program runs. */
  nowUs(): number;
  /** Calls `callback` after `delayMs`; the returned function stops that. */
  timer(callback: () => void, delayMs: number): () => void;
  /** Calls `callback` when the current turn has ended. */
  afterTurn(callback: () => void): void;
  /** From 0 (included) to 1 (excluded). */
  random(): number;
  /** A fresh unguessable name. */
  uniqueName(): string;
  /** Calls `callback` when the machine says that it has a network again; the returned function stops that. */
  onOnline(callback: () => void): () => void;
  /**
   * Calls `callback` when the machine says that something about its network has changed, which need not be much; the
   * returned function stops that.
   */
  onNetworkChange(callback: () => void): () => void;
}

function defaultWebSocket(): WebSocketConstructor {
  const found: unknown = (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof found !== "function") {
    throw new Error(
      "this runtime has no global WebSocket: use Node 22 or later, Deno, Bun or a browser, or pass environment.WebSocket",
    );
  }
  return found as WebSocketConstructor;
}

function defaultPeerConnection(): PeerConnectionConstructor | undefined {
  const found: unknown = (globalThis as { RTCPeerConnection?: unknown }).RTCPeerConnection;
  return typeof found === "function" ? found as PeerConnectionConstructor : undefined;
}

function systemNowUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

function systemTimer(callback: () => void, delayMs: number): () => void {
  const handle = setTimeout(callback, delayMs);
  return () => clearTimeout(handle);
}

function systemOnline(callback: () => void): () => void {
  if (typeof globalThis.addEventListener !== "function") return () => {};
  globalThis.addEventListener("online", callback);
  return () => globalThis.removeEventListener("online", callback);
}

/** `navigator.connection` of the Network Information API, which some browsers have. */
function systemNetworkChange(callback: () => void): () => void {
  const { connection } = (globalThis as { navigator?: { connection?: EventTarget } }).navigator ?? {};
  if (typeof connection?.addEventListener !== "function") return () => {};
  connection.addEventListener("change", callback);
  return () => connection.removeEventListener("change", callback);
}

function randomName(): string {
  // crypto.randomUUID is missing on pages that were loaded over plain HTTP
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The surroundings of this runtime, with the given parts replaced.
 *
 * @throws {Error} when the runtime has no global `WebSocket` and none is given.
 */
export function environment(overrides: Partial<Environment> = {}): Environment {
  return {
    WebSocket: overrides.WebSocket ?? defaultWebSocket(),
    RTCPeerConnection: "RTCPeerConnection" in overrides
      ? overrides.RTCPeerConnection
      : defaultPeerConnection(),
    fetch: overrides.fetch ?? ((url, init) => fetch(url, init)),
    nowUs: overrides.nowUs ?? systemNowUs,
    timer: overrides.timer ?? systemTimer,
    // not the function itself: browsers refuse to have it called as a method of another object
    afterTurn: overrides.afterTurn ?? ((callback) => queueMicrotask(callback)),
    random: overrides.random ?? Math.random,
    uniqueName: overrides.uniqueName ?? randomName,
    onOnline: overrides.onOnline ?? systemOnline,
    onNetworkChange: overrides.onNetworkChange ?? systemNetworkChange,
  };
}

/** Time as the state lane takes it. */
export function laneTimers(env: Pick<Environment, "nowUs" | "timer">): LaneTimers {
  return {
    nowMs: () => env.nowUs() / 1_000,
    later: (task, delayMs) => env.timer(task, delayMs),
  };
}
