/**
 * A dashboard in a page of Chromium that notes when each sample arrives.
 *
 * @module
 */
import type { Page } from "playwright-core";
import type { Arrivals } from "./age.ts";

/** Which way state samples are to take. */
export type Way = "webrtc" | "websocket";

/** A change of the way. */
export interface Move {
  to: Way;
  cause: string;
  /** Milliseconds since 1970. */
  atMs: number;
}

interface Notes {
  states: number[];
  /** Moment of arrival and offset of each event. */
  events: number[];
  moves: Move[];
  gaps: number;
  fromMs: number;
}

interface Scope {
  notes: Notes;
  /** The way that samples take now; empty while there is no session. */
  way: string;
  nowMs(): number;
}

/** What was noted since the last {@link begin}. */
export interface Recording {
  states: Arrivals;
  events: { atMs: number; offset: number }[];
  moves: Move[];
  gaps: number;
}

/** Subscribes to a device's topics. With `websocket` the page has no WebRTC. */
export async function watch(page: Page, token: string, device: string, way: Way): Promise<void> {
  await page.evaluate(async ({ token, device, way }) => {
    const scope = globalThis as unknown as Scope;
    // Date.now() changes each millisecond: the highest difference at a change is the exact one
    let base = -Infinity;
    for (let edges = 0, last = Date.now(); edges < 30;) {
      const now = Date.now();
      if (now === last) continue;
      base = Math.max(base, now - performance.now());
      last = now;
      edges++;
    }
    scope.nowMs = () => base + performance.now();
    scope.notes = { states: [], events: [], moves: [], gaps: 0, fromMs: scope.nowMs() };
    const sdk = await import("/sdk/tidegate.js" as string);
    const environment = way === "websocket" ? { RTCPeerConnection: undefined } : {};
    const dashboard = sdk.connectDashboard({ token, environment });
    scope.way = "";
    dashboard.onStatus((status: Record<string, string>) => {
      if (status["state"] !== "open" || status["transport"] === scope.way) return;
      scope.way = status["transport"]!;
      scope.notes.moves.push({ to: scope.way as Way, cause: status["transportCause"]!, atMs: scope.nowMs() });
    });
    interface Arrived {
      topic: string;
      offset: number;
      payload: Uint8Array;
    }
    dashboard.subscribe(`${device}/#`, {
      from: "live",
      onGap: () => scope.notes.gaps++,
      onSample({ topic, offset, payload }: Arrived) {
        const atMs = scope.nowMs();
        if (topic.endsWith("/event")) scope.notes.events.push(atMs, offset);
        const state = /\/state(?:\/(\d+))?$/.exec(topic);
        if (!state) return;
        const view = new DataView(payload.buffer, payload.byteOffset);
        scope.notes.states.push(atMs, view.getFloat64(0), Number(state[1] ?? 0), offset);
      },
    });
  }, { token, device, way });
  await page.waitForFunction(
    (way) => (globalThis as unknown as Scope).way === way,
    way,
    { timeout: 30_000 },
  );
  await page.waitForFunction(() => (globalThis as unknown as Scope).notes.states.length > 0);
}

/** Forgets what was noted. */
export async function begin(page: Page): Promise<void> {
  await page.evaluate(() => {
    const scope = globalThis as unknown as Scope;
    Object.assign(scope.notes, { states: [], events: [], moves: [], gaps: 0, fromMs: scope.nowMs() });
  });
}

/** What was noted since. */
export async function recording(page: Page): Promise<Recording> {
  const notes = await page.evaluate(() => {
    const scope = globalThis as unknown as Scope;
    return { ...scope.notes, toMs: scope.nowMs() };
  });
  const events: Recording["events"] = [];
  for (let i = 0; i < notes.events.length; i += 2) {
    events.push({ atMs: notes.events[i]!, offset: notes.events[i + 1]! });
  }
  return {
    states: { rows: notes.states, fromMs: notes.fromMs, toMs: notes.toMs },
    events,
    moves: notes.moves,
    gaps: notes.gaps,
  };
}

/** Closes the page's data channel, as a page does that has had enough of it. */
export async function closeChannel(page: Page): Promise<void> {
  await page.evaluate(() =>
    (globalThis as unknown as { channels: RTCDataChannel[] }).channels.at(-1)?.close()
  );
}

/** Waits until samples take this way. */
export async function until(page: Page, way: Way): Promise<void> {
  await page.waitForFunction(
    (way) => (globalThis as unknown as Scope).way === way,
    way,
    { timeout: 60_000 },
  );
}
