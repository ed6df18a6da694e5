/**
 * Dashboards over the SDK with the WebRTC of a package, as programs outside of browsers have it.
 *
 * @module
 */
import { connectDashboard, type Dashboard, type PeerConnectionConstructor } from "../../client/mod.ts";

/** Packages with a peer connection: one in TypeScript, libdatachannel, and the WebRTC of Google. */
export const RTC_PACKAGES = ["werift", "node-datachannel", "@roamhq/wrtc"] as const;

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

/** Connects a dashboard and waits until its state comes over WebRTC. */
export async function dashboardOverRtc(
  url: string,
  token: string,
  name: RtcPackage = "werift",
): Promise<Dashboard> {
  const environment = { RTCPeerConnection: await peerConnectionOf(name) };
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
