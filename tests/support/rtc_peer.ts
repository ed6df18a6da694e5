/**
 * Dashboards over the SDK with the WebRTC of a package, as programs outside of browsers have it.
 *
 * @module
 */
import { connectDashboard, type Dashboard, type PeerConnectionConstructor } from "../../client/mod.ts";

/** Packages with a peer connection: one in TypeScript, libdatachannel, and the WebRTC of Google. */
const RTC_PACKAGES = ["werift", "node-datachannel", "@roamhq/wrtc"] as const;

/** One of {@link RTC_PACKAGES}. */
export type RtcPackage = typeof RTC_PACKAGES[number];

/** A package's peer connection, for `environment.RTCPeerConnection`. Loads native code only when it is asked for. */
export async function peerConnectionOf(name: RtcPackage): Promise<PeerConnectionConstructor> {
  switch (name) {
    case "werift":
      return (await import("werift")).RTCPeerConnection as unknown as PeerConnectionConstructor;
    case "node-datachannel":
      return (await import("node-datachannel/polyfill"))
        .RTCPeerConnection as unknown as PeerConnectionConstructor;
    case "@roamhq/wrtc":
      return (await import("@roamhq/wrtc")).default.RTCPeerConnection as unknown as PeerConnectionConstructor;
  }
}

/** The SDK's deadline from an offer to an open lane, and the one that tests put in its place, in milliseconds. */
const OPEN_WITHIN_MS = 25_000;
const TRY_AGAIN_AFTER_MS = 10_000;

/** An environment for the SDK with a package's WebRTC, and less patience with an attempt that does not succeed. */
export async function rtcEnvironment(name: RtcPackage) {
  return {
    RTCPeerConnection: await peerConnectionOf(name),
    timer(callback: () => void, delayMs: number): () => void {
      const handle = setTimeout(callback, delayMs === OPEN_WITHIN_MS ? TRY_AGAIN_AFTER_MS : delayMs);
      return () => clearTimeout(handle);
    },
  };
}

/** Connects a dashboard and waits until its state comes over WebRTC. */
export async function dashboardOverRtc(
  url: string,
  token: string,
  name: RtcPackage = "werift",
): Promise<Dashboard> {
  const environment = await rtcEnvironment(name);
  const dashboard = connectDashboard({ url, token, environment });
  await way(dashboard, "webrtc");
  return dashboard;
}

/** What the SDK's dashboards and devices have in common here. */
type Session = Pick<Dashboard, "onStatus">;

/** Resolves when the session's state takes this transport. */
export function way(session: Session, transport: "websocket" | "webrtc"): Promise<void> {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    stop = session.onStatus((status) => {
      if (status.state === "open" && status.transport === transport) {
        queueMicrotask(() => (stop(), resolve()));
      }
      if (status.state === "closed") reject(new Error(status.reason));
    });
  });
}
