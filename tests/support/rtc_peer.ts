/**
 * A dashboard over the SDK with werift for its WebRTC, as programs outside of browsers have it.
 *
 * @module
 */
import { RTCPeerConnection } from "werift";
import { connectDashboard, type Dashboard, type PeerConnectionConstructor } from "../../client/mod.ts";

/** werift's peer connection, for `environment.RTCPeerConnection`. */
export const WeriftPeerConnection = RTCPeerConnection as unknown as PeerConnectionConstructor;

/** Connects a dashboard and waits until its state comes over WebRTC. */
export async function dashboardOverRtc(url: string, token: string): Promise<Dashboard> {
  const dashboard = connectDashboard({
    url,
    token,
    environment: { RTCPeerConnection: WeriftPeerConnection },
  });
  await way(dashboard, "webrtc");
  return dashboard;
}

/** Resolves when the dashboard's state comes over this transport. */
export function way(dashboard: Dashboard, transport: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    stop = dashboard.onStatus((status) => {
      if (status.state === "open" && status.transport === transport) {
        queueMicrotask(() => (stop(), resolve()));
      }
      if (status.state === "closed") reject(new Error(status.reason));
    });
  });
}
