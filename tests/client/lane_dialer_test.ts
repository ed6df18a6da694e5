import { assertEquals } from "@std/assert";
import { ANSWER_WITHIN_MS } from "../../client/doubt.ts";
import { connectDashboard } from "../../client/mod.ts";
import type { DataChannelLike, PeerConnectionLike } from "../../client/rtc_types.ts";
import { welcome } from "../support/welcome.ts";
import { FakeNet } from "./fake_net.ts";

/** A peer connection whose channel opens, closes and falls apart when the test says so. */
class PlayedPeer implements PeerConnectionLike {
  static last: PlayedPeer;
  connectionState = "new";
  closed = false;
  onicecandidate = null;
  onconnectionstatechange: PeerConnectionLike["onconnectionstatechange"] = null;
  readonly channel: DataChannelLike = {
    binaryType: "",
    bufferedAmount: 0,
    readyState: "open",
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send() {},
    close() {},
  };

  constructor() {
    PlayedPeer.last = this;
  }

  createDataChannel(): DataChannelLike {
    return this.channel;
  }

  createOffer() {
    return Promise.resolve({ type: "offer", sdp: "v=0" });
  }

  async setLocalDescription() {}
  async setRemoteDescription() {}
  async addIceCandidate() {}

  becomes(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange?.(undefined as never);
  }

  close(): void {
    this.closed = true;
  }
}

/** A dashboard whose peer connection has been offered; `open` opens its lane. */
async function dashboardWithLane({ open }: { open: boolean }) {
  const net = new FakeNet();
  net.onConnect = (connection) => {
    connection.onMessage = (message) => {
      if (message.type === "hello") connection.send(welcome(net.time.us, { iceServers: [] }));
      if (message.type === "clock") connection.send({ type: "clock_reply", t: message.t, at: net.time.us });
    };
    connection.accept();
  };
  const environment = { ...net.environment, RTCPeerConnection: PlayedPeer };
  const dashboard = connectDashboard({ url: "http://gw", token: "t", environment });
  await net.time.advance(100);
  const peer = PlayedPeer.last;
  if (open) peer.channel.onopen?.(undefined as never);
  return { net, dashboard, peer };
}

Deno.test("the lane of a session that ends stays until the gateway closes it, so that bye is heard first", async () => {
  for (
    const gatewayCloses of [
      ({ channel }: PlayedPeer) => channel.onclose?.(undefined as never),
      (peer: PlayedPeer) => peer.becomes("closed"),
      (peer: PlayedPeer) => peer.becomes("disconnected"),
    ]
  ) {
    const { net, dashboard, peer } = await dashboardWithLane({ open: true });
    dashboard.close();
    await net.time.advance(100);
    assertEquals([net.connection.closedWith, net.connection.all("bye").length, peer.closed], [
      1000,
      1,
      false,
    ]);
    gatewayCloses(peer);
    assertEquals([peer.closed, net.time.pending], [true, 0]);
  }
});

Deno.test("a lane that the gateway does not close ends a second after its session", async () => {
  const { net, dashboard, peer } = await dashboardWithLane({ open: true });
  dashboard.close();
  await net.time.advance(999);
  assertEquals(peer.closed, false);
  await net.time.advance(1);
  assertEquals([peer.closed, net.time.pending], [true, 0]);
});

Deno.test("a peer connection without a lane ends with its session", async () => {
  const { net, dashboard, peer } = await dashboardWithLane({ open: false });
  dashboard.close();
  assertEquals([peer.closed, net.connection.all("reject")], [true, []]);
});

Deno.test("a lane that breaks is closed at once, and the gateway is told why and when the next one is tried", async () => {
  const { net, dashboard, peer } = await dashboardWithLane({ open: true });
  peer.becomes("failed");
  assertEquals(peer.closed, true);
  await net.time.advance(10);
  const { reason, retryInMs } = net.connection.last("reject")!;
  assertEquals([reason, retryInMs], ["no path, or the path is gone", 1_500]);
  await net.time.advance(1_500);
  assertEquals(PlayedPeer.last === peer, false);
  dashboard.close();
});

Deno.test("a lane that fails or is disconnected puts the connection beside it in doubt", async () => {
  for (const state of ["failed", "disconnected"]) {
    const { net, dashboard, peer } = await dashboardWithLane({ open: true });
    const { connection } = net;
    connection.freeze();
    peer.becomes(state);
    await net.time.advance(ANSWER_WITHIN_MS + 500);
    assertEquals([net.connections.length, dashboard.status.state], [2, "open"]);
    dashboard.close();
  }
});

Deno.test("a peer connection that never had a lane says nothing of the connection beside it", async () => {
  const { net, dashboard, peer } = await dashboardWithLane({ open: false });
  await net.time.advance(1_000);
  const asked = net.connection.all("clock").length;
  peer.becomes("failed");
  await net.time.advance(100);
  assertEquals(net.connection.all("clock").length, asked);
  dashboard.close();
});
