import { assertEquals, assertMatch } from "@std/assert";
import { networkInterfaces } from "node:os";
import { addressConfig, chosenAddresses, type Interfaces } from "../../rtc/host_addresses.ts";
import { loadWebRtc } from "../../rtc/library.ts";
import { Peer } from "../../rtc/peer.ts";
import { RTC_DEFAULTS } from "../../rtc/settings.ts";
import { peerConnectionOf } from "../support/rtc_peer.ts";

const OWN: Interfaces = {
  lo: [{ address: "127.0.0.1", family: "IPv4" }, { address: "::1", family: "IPv6" }],
  eth0: [
    { address: "192.0.2.7", family: "IPv4" },
    { address: "2001:db8::7", family: "IPv6" },
    { address: "fe80::7", family: "IPv6" },
  ],
  wlan0: [{ address: "198.51.100.7", family: "IPv4" }],
};

Deno.test("chosenAddresses takes addresses and interfaces, of either family, and only those the machine has", () => {
  assertEquals(chosenAddresses(["192.0.2.7", "2001:DB8:0::7"], OWN), ["192.0.2.7", "2001:db8::7"]);
  assertEquals(chosenAddresses(["2001:db8::7"], OWN), ["2001:db8::7"]);
  assertEquals(chosenAddresses(["eth0"], OWN), ["192.0.2.7", "2001:db8::7"]);
  assertEquals(chosenAddresses(["eth0", "198.51.100.7", "192.0.2.7"], OWN), [
    "192.0.2.7",
    "2001:db8::7",
    "198.51.100.7",
  ]);
  assertEquals(chosenAddresses(["203.0.113.1", "eth9"], OWN), []);
});

Deno.test("addressConfig binds a family that has one address, and lets no other address in", () => {
  const { iceInterfaceAddresses, ...rest } = addressConfig(["2001:db8::7"]);
  assertEquals(iceInterfaceAddresses, { udp6: "2001:db8::7" });
  assertEquals(rest, {
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceAdditionalHostAddresses: ["2001:db8::7"],
  });
  const two = addressConfig(["192.0.2.7", "198.51.100.7", "2001:db8::7"]);
  assertEquals(two.iceInterfaceAddresses, { udp6: "2001:db8::7" });
});

/** The host candidates, as `address port`, that a peer tells for these settings. */
async function told(addresses: string[], portRange?: readonly [number, number]): Promise<string[]> {
  await loadWebRtc();
  const client = new (await peerConnectionOf("werift"))({ iceServers: [] });
  client.createDataChannel("state", { ordered: false });
  const { sdp = "" } = await client.createOffer();
  const found: string[] = [];
  const { promise: end, resolve } = Promise.withResolvers<void>();
  const settings = { ...RTC_DEFAULTS, addresses, ...(portRange === undefined ? {} : { portRange }) };
  const owner = {
    answer: () => {},
    candidate: (candidate: { candidate: string } | null) => {
      if (candidate) found.push(candidate.candidate.split(" ").slice(4, 6).join(" "));
      else resolve();
    },
    channel: () => false,
    unanswerable: () => {},
    packetRefused: () => {},
    closed: () => {},
  };
  const peer = new Peer(settings, "127.0.0.1", [], owner);
  await peer.start(sdp);
  await end;
  peer.close("the test is over");
  client.close();
  return found;
}

Deno.test({
  name: "a peer tells the addresses it is set to, IPv6 by itself included, and ports of the range",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    assertMatch((await told(["127.0.0.1"], [50_200, 50_210])).join(), /^127\.0\.0\.1 502(?:0\d|10)$/);
    const loopback = Object.values(networkInterfaces()).flat().some((one) => one?.address === "::1");
    assertMatch((await told(["::1"])).join(), loopback ? /^::1 \d+$/ : /^$/);
    assertMatch((await told(["127.0.0.1", "192.0.2.254"])).join(), /^127\.0\.0\.1 \d+$/);
  },
});
