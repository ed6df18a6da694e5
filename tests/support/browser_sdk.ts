/**
 * The SDK in a page of Chromium, with the page's peer connections in the test's hands.
 *
 * @module
 */
import type { Page } from "playwright-core";
import type { TestBrowser } from "./browser.ts";

/** What a dashboard in a page has seen; kept by the page under `seen`. */
export interface Seen {
  /** Offsets of the event topic, in order of arrival. */
  events: number[];
  /** Offsets of the state topic, in order of arrival. */
  states: number[];
  gaps: number;
  /** Way of the state samples and its cause, at each change. */
  ways: { transport: string; cause: string }[];
}

/** Opens a page that may only talk to `origin`, with the SDK at hand. */
export async function sdkPage(
  browser: TestBrowser,
  origin: string,
): Promise<{ page: Page; faults: string[] }> {
  const opened = await browser.open(origin);
  await opened.page.addInitScript(() => {
    const scope = globalThis as unknown as {
      RTCPeerConnection: typeof RTCPeerConnection;
      channels: RTCDataChannel[];
      connections: RTCPeerConnection[];
    };
    scope.channels = [];
    scope.connections = [];
    scope.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(config?: RTCConfiguration) {
        super(config);
        scope.connections.push(this);
      }

      override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
        const channel = super.createDataChannel(label, options);
        scope.channels.push(channel);
        return channel;
      }
    };
  });
  // the live page asks for a login; it is there for its origin, and for its content security policy
  await opened.page.goto(`${origin}/`);
  return opened;
}

/** Faults of a page, but for the answer that nobody is logged in. */
export function ownFaults(faults: readonly string[]): string[] {
  return faults.filter((fault) => !fault.includes("401 (Unauthorized)"));
}

/** Starts a dashboard in the page that watches `<device>/state` and `<device>/event`. */
export async function watchInPage(
  page: Page,
  token: string,
  device: string,
  options: { signalling?: string } = {},
): Promise<void> {
  await page.evaluate(async ({ token, device, options }) => {
    const sdk = await import("/sdk/tidegate.js" as string);
    const seen: Seen = { events: [], states: [], gaps: 0, ways: [] };
    const dashboard = sdk.connectDashboard({ token, ...options });
    dashboard.onStatus((status: Record<string, string>) => {
      const last = seen.ways.at(-1);
      if (status["state"] !== "open" || last?.transport === status["transport"]) return;
      seen.ways.push({ transport: status["transport"]!, cause: status["transportCause"]! });
    });
    dashboard.subscribe(`${device}/#`, {
      onGap: () => seen.gaps++,
      onSample: (sample: { topic: string; offset: number }) => {
        if (sample.topic.endsWith("/event")) seen.events.push(sample.offset);
        if (sample.topic.endsWith("/state")) seen.states.push(sample.offset);
      },
    });
    Object.assign(globalThis, { seen, dashboard });
  }, { token, device, options });
}

/** What the page's dashboard has seen so far. */
export function seenInPage(page: Page): Promise<Seen> {
  return page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);
}

/**
 * Waits until the page's dashboard has taken this way, among its changes from number `from` on: a busy machine may move
 * it there and back between two looks. Returns the number of the change behind it.
 */
export async function wayInPage(page: Page, transport: string, from = 0): Promise<number> {
  const found = await page.waitForFunction(({ transport, from }) => {
    const { ways } = (globalThis as unknown as { seen: Seen }).seen;
    const at = ways.findIndex((way, i) => i >= from && way.transport === transport);
    return at < 0 ? 0 : at + 1;
  }, { transport, from });
  return await found.jsonValue();
}

/** Closes the page's newest data channel; returns the number of the way that its dashboard was on. */
export function closeLaneInPage(page: Page): Promise<number> {
  return page.evaluate(() => {
    const { channels, seen } = globalThis as unknown as { channels: RTCDataChannel[]; seen: Seen };
    channels.at(-1)?.close();
    return seen.ways.length - 1;
  });
}

/** Has the page's sessions look for another path, and waits until all have restarted ICE and have their answers. */
export async function restartIceInPage(page: Page): Promise<void> {
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await page.waitForFunction(() => {
    const { connections } = globalThis as unknown as { connections: RTCPeerConnection[] };
    return connections.filter(({ signalingState }) => signalingState !== "closed").every((one) =>
      one.signalingState === "stable" && /o=\S+ \S+ [3-9]/.test(one.localDescription?.sdp ?? "")
    );
  });
}
